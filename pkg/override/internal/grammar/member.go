// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

package grammar

import (
	"errors"
	"fmt"
	"strings"
)

// Names and limits of the carriers.
const (
	// DefaultHeader is the header that carries overrides unless another name is configured.
	DefaultHeader = "x-override"
	// BaggageHeader is the second carrier, W3C Baggage.
	BaggageHeader = "baggage"
	// ErrorHeader is set on the 503 that answers a strict member whose version cannot serve.
	ErrorHeader = "x-override-error"
	// ServedHeader names what served a followed override, in responses of Services that have it
	// switched on.
	ServedHeader = "x-override-served"

	// MaxHeaderBytes is the length of a carrier, over all its lines, that all proxies and
	// libraries pass on (W3C Baggage §3.3.2).
	MaxHeaderBytes = 8192
	// MaxPatternBytes is the maximum length of a regular expression in Istio's
	// validation.
	MaxPatternBytes = 1024
	// MaxLabelLength is the maximum length of a Kubernetes name or label value.
	MaxLabelLength = 63
)

// Member is one "service[.namespace]:version;parameters" of a carrier. The zero value of
// a field means that the member does not have it.
type Member struct {
	// Service and Namespace name the Service, and Version its version. Without Namespace,
	// the member refers to every managed Service of that name. The Service [SetName] is a
	// set: every Service that has the version.
	Service, Namespace, Version string
	// From and Method restrict the member to calls by one workload and to one HTTP method.
	From, Method string
	// Strict asks for a 503 instead of the released version if Version cannot serve.
	Strict bool
}

// String returns m in canonical form: no white space, parameters in the order
// from, method, strict. It does not validate; [Format] does.
func (m Member) String() string {
	var b strings.Builder
	b.WriteString(m.name())
	b.WriteString(":")
	b.WriteString(m.Version)
	if m.From != "" {
		b.WriteString(";from=")
		b.WriteString(m.From)
	}
	if m.Method != "" {
		b.WriteString(";method=")
		b.WriteString(m.Method)
	}
	if m.Strict {
		b.WriteString(";strict")
	}
	return b.String()
}

// Baggage returns m as a W3C Baggage member, "override.service[.namespace]=version", or
// "override=version" and "override.*.namespace=version" for a set. It returns an error for a member with parameters, since baggage libraries re-encode the
// characters that parameters need, and for an invalid member.
func (m Member) Baggage() (string, error) {
	if m.From != "" || m.Method != "" || m.Strict {
		return "", errors.New("parameters cannot be carried in baggage")
	}
	if err := m.validate(); err != nil {
		return "", err
	}
	if m.IsSet() {
		return m.setKeyText() + "=" + m.Version, nil
	}
	return baggagePrefix + m.name() + "=" + m.Version, nil
}

// Format returns the value of an override header with the given members in the given
// order, in canonical form. It returns no value, and an [errors.Join] of *[Error], if a
// member is invalid, if two of them have the same service, namespace, from and method, or
// if the value is longer than [MaxHeaderBytes]. Without members it returns "", and then
// no header should be sent.
func Format(members ...Member) (string, error) {
	return format(members, ", ", func(m Member) (string, error) { return m.String(), m.validate() })
}

// FormatBaggage is [Format] for the baggage carrier: see [Member.Baggage]. The value has
// only the override members; the caller must keep any others.
func FormatBaggage(members ...Member) (string, error) {
	return format(members, ",", Member.Baggage)
}

func format(members []Member, separator string, text func(Member) (string, error)) (string, error) {
	var (
		errs  []error
		texts = make([]string, 0, len(members))
		known ledger
	)
	for i, m := range members {
		s, err := text(m)
		if err == nil {
			err = known.add(m)
		}
		if err != nil {
			errs = append(errs, &Error{Member: i + 1, Text: m.String(), Reason: err.Error()})
		}
		texts = append(texts, s)
	}
	value := strings.Join(texts, separator)
	if err := checkLength([]string{value}); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	return value, nil
}

// name returns "service" or "service.namespace".
func (m Member) name() string {
	if m.Namespace == "" {
		return m.Service
	}
	return m.Service + "." + m.Namespace
}

// validate returns the first reason why m would not be parsed again.
func (m Member) validate() error {
	if strings.HasPrefix(m.Service, SetName) {
		if err := m.validateSet(); err != nil {
			return err
		}
	} else if err := ValidateService(m.Service); err != nil {
		return err
	}
	if m.Namespace != "" {
		if err := ValidateNamespace(m.Namespace); err != nil {
			return err
		}
	}
	if err := ValidateVersion(m.Version); err != nil {
		return err
	}
	if m.From != "" {
		if err := ValidateCaller(m.From); err != nil {
			return err
		}
	}
	if m.Method != "" {
		return ValidateMethod(m.Method)
	}
	return nil
}

// subject is the set of calls that a member is for. Two members with the same subject
// contradict or repeat each other, whatever their versions.
type subject struct{ service, namespace, from, method string }

func (m Member) subject() subject { return subject{m.Service, m.Namespace, m.From, m.Method} }

// fewMembers is the number up to which a linear search is cheaper than a map. Usual
// headers have few members, and parsing them must not allocate.
const fewMembers = 32

// ledger collects members and detects a second one for the same subject.
type ledger struct {
	members []Member
	start   int             // earlier members are the caller's, and are not compared
	index   map[subject]int // subject to its first position in members; nil while they are few
}

// add appends m, even if it returns an error because its subject is there already.
func (l *ledger) add(m Member) error {
	earlier, found := l.find(m.subject())
	if l.index != nil && !found {
		l.index[m.subject()] = len(l.members)
	}
	l.members = append(l.members, m)
	if found {
		return fmt.Errorf("second member for the same calls of %s, after %s", quote(m.name()), quote(l.members[earlier].String()))
	}
	return nil
}

func (l *ledger) find(s subject) (int, bool) {
	if l.index == nil {
		for i := l.start; i < len(l.members); i++ {
			if l.members[i].subject() == s {
				return i, true
			}
		}
		if len(l.members)-l.start < fewMembers {
			return 0, false
		}
		l.index = make(map[subject]int, 2*fewMembers)
		for i := len(l.members) - 1; i >= l.start; i-- { // backwards: the first of a subject stays
			l.index[l.members[i].subject()] = i
		}
	}
	i, found := l.index[s]
	return i, found
}
