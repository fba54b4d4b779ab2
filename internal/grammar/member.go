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

	// MaxHeaderBytes is the length of a carrier, over all its lines, that
	// proxies and libraries can be relied on to pass on (W3C Baggage §3.3.2).
	MaxHeaderBytes = 8192
	// MaxPatternBytes is the length of a regular expression that Istio's validation accepts.
	MaxPatternBytes = 1024
	// MaxLabelLength is the length of a Kubernetes name or label value.
	MaxLabelLength = 63
)

// Member is one "service[.namespace]:version;parameters" of a carrier. The
// zero value of a field means that the member does not say it.
type Member struct {
	// Service and Namespace name the Service, Version the version of it.
	// Without Namespace every managed Service of that name is meant.
	Service, Namespace, Version string
	// From and Method restrict the member to calls by one workload and to one HTTP method.
	From, Method string
	// Strict asks for a 503 instead of the released version where Version cannot serve.
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

// Baggage returns m as a W3C Baggage member, "override.service[.namespace]=version".
// A member with parameters has no such form, since baggage libraries re-encode
// the characters that parameters need; nor has an invalid one.
func (m Member) Baggage() (string, error) {
	if m.From != "" || m.Method != "" || m.Strict {
		return "", errors.New("parameters cannot be carried in baggage")
	}
	if err := m.validate(); err != nil {
		return "", err
	}
	return baggagePrefix + m.name() + "=" + m.Version, nil
}

// Format returns the value of an override header with the given members in the
// given order, in canonical form. It returns no value, and an [errors.Join] of
// *[Error], when a member is invalid, when two of them have the same service,
// namespace, from and method, or when the value is longer than
// [MaxHeaderBytes]. No members give "", and then no header should be sent.
func Format(members ...Member) (string, error) {
	return format(members, ", ", func(m Member) (string, error) { return m.String(), m.validate() })
}

// FormatBaggage is [Format] for the baggage carrier: see [Member.Baggage]. The
// value holds the override members only; those of others are the caller's to keep.
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

// validate returns the first reason why m could not be parsed back.
func (m Member) validate() error {
	if err := ValidateService(m.Service); err != nil {
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

// subject is what a member is about. Two members with one subject contradict
// or repeat each other, whatever their versions.
type subject struct{ service, namespace, from, method string }

func (m Member) subject() subject { return subject{m.Service, m.Namespace, m.From, m.Method} }

// fewMembers is the number up to which looking through all members is cheaper
// than a map. Headers in use have a handful, and those must not allocate.
const fewMembers = 32

// ledger collects members and notices a second one for the same subject.
type ledger struct {
	members []Member
	start   int             // members before it are the caller's, and not looked at
	index   map[subject]int // subject to its first position in members; nil while they are few
}

// add appends m, also when it returns an error because its subject is there already.
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
