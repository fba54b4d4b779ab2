// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

package grammar

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// SetName stands in the place of a Service's name in a member for a set of versions: those
// with the member's version, of all Services. No Service can have this name.
const SetName = "*"

const (
	// setKey is the key of a baggage member for a set, and setKeyPrefix begins the key of one
	// in a namespace.
	setKey       = "override"
	setKeyPrefix = baggagePrefix + SetName + "."
)

// IsSet reports whether m asks for a version of every Service that has it.
func (m Member) IsSet() bool { return m.Service == SetName }

// validateSet returns the first reason why m is not a set.
func (m Member) validateSet() error {
	switch {
	case !m.IsSet():
		return fmt.Errorf(`service %s begins with "*": write "*" alone for every service with the version`, quote(m.Service))
	case m.From != "" || m.Method != "":
		return errors.New(`a set has no from and no method, only strict: name the service instead of "*"`)
	}
	return nil
}

// setKeyText returns the key of the baggage member for a set.
func (m Member) setKeyText() string {
	if m.Namespace == "" {
		return setKey
	}
	return setKeyPrefix + m.Namespace
}

// SetPattern matches an override header with a member for the set of a version, if s is
// in it: in every namespace, or in that of s. [FollowsSet] is its meaning.
func (s Service) SetPattern(version string) string {
	return memberBegin + s.quotedSet() + ":" + regexp.QuoteMeta(version) + space + optionalStrict + memberEnd
}

// BaggageSetPattern is [Service.SetPattern] for a baggage header, whatever the properties
// of the member. [FollowsBaggageSet] is its meaning.
func (s Service) BaggageSetPattern(version string) string {
	namespace := ""
	if s.Namespace != "" {
		namespace = quotedSetNamespace + regexp.QuoteMeta(s.Namespace) + `)?`
	}
	return memberBegin + setKey + namespace + quotedEquals + space + regexp.QuoteMeta(version) + space + `(?:;[^,]*)?` + memberEnd
}

// StrictSetPatterns matches an override header with a strict member for the set of one of
// the versions, in patterns of at most [MaxPatternBytes]: they are alternatives. The
// versions are those that s has, whether they can serve or not. [StrictSetDue] is their
// meaning.
func (s Service) StrictSetPatterns(versions []string) []string {
	const other = `(?:;` + anyText + `)*`
	begin := memberBegin + s.quotedSet() + `:(?:`
	end := `)` + space + other + parameter(strictWord) + other + memberEnd
	var out []string
	for next := 0; next < len(versions); {
		pattern := begin + regexp.QuoteMeta(versions[next])
		for next++; next < len(versions); next++ {
			more := `|` + regexp.QuoteMeta(versions[next])
			if len(pattern)+len(more)+len(end) > MaxPatternBytes {
				break
			}
			pattern += more
		}
		out = append(out, pattern+end)
	}
	return out
}

const (
	// quotedSetNamespace begins the optional namespace in the pattern of a set's key.
	quotedSetNamespace = `(?:\.\*\.`
	quotedEquals       = space + `=`
)

// quotedSet is the pattern of the names of sets that s may be in.
func (s Service) quotedSet() string {
	if s.Namespace == "" {
		return `\*`
	}
	return `\*(?:\.` + regexp.QuoteMeta(s.Namespace) + `)?`
}

// FollowsSet reports whether a request whose override header has the given lines asks for
// this version of every Service, or of every one in the namespace of s, with a well-formed
// member. It is the meaning of [Service.SetPattern].
func FollowsSet(values []string, s Service, version string) bool {
	return follows(values, parseOverride, s.inSet, Member{Version: version})
}

// FollowsBaggageSet is [FollowsSet] for the lines of a baggage header. It is the meaning of
// [Service.BaggageSetPattern].
func FollowsBaggageSet(values []string, s Service, version string) bool {
	return follows(values, parseBaggageMember, s.inSet, Member{Version: version})
}

// StrictSetDue reports whether a request must be answered with 503 if no row of s took it,
// because a strict member asks for a set with one of the versions that s has. As in
// [StrictDue], parameters that are not understood make no difference; a set with another
// version is not meant for s. It is the meaning of [Service.StrictSetPatterns].
func StrictSetDue(values []string, s Service, versions []string) bool {
	if checkUTF8(values) != nil {
		return false
	}
	for w := (walk{}); w.next(values); {
		head, parameters, _ := strings.Cut(w.text, ";")
		name, version, _ := strings.Cut(head, ":")
		if s.inSet(name) && slices.Contains(versions, trimRight(version)) && strictDue(parameters, Judged{}, Condition{}) {
			return true
		}
	}
	return false
}

// inSet reports whether name, "*" or "*.namespace", refers to a set that s may be in.
func (s Service) inSet(name string) bool {
	return Service{Name: SetName, Namespace: s.Namespace}.called(name)
}

// isSetKey reports whether a baggage member begins with the key of a set for all
// namespaces.
func isSetKey(text string) bool {
	rest, found := strings.CutPrefix(text, setKey)
	return found && strings.HasPrefix(trimLeft(rest), "=")
}

// ownsBaggage reports whether a baggage member is an override, well-formed or not.
func ownsBaggage(text string) bool {
	return strings.HasPrefix(text, baggagePrefix) || isSetKey(text)
}

// cutBaggageSet removes the beginning of a pattern of [Service.BaggageSetPattern], up to
// the "=".
func cutBaggageSet(pattern string) (rest string, found bool) {
	rest, found = strings.CutPrefix(pattern, memberBegin+setKey)
	if namespace, given := strings.CutPrefix(rest, quotedSetNamespace); given {
		rest = strings.TrimLeft(namespace, "abcdefghijklmnopqrstuvwxyz0123456789-")
		if rest, given = strings.CutPrefix(rest, `)?`); !given {
			return "", false
		}
	}
	if !found {
		return "", false
	}
	return strings.CutPrefix(rest, quotedEquals)
}
