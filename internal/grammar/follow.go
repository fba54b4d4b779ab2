package grammar

import "strings"

// Follows reports whether a request whose override header has the given lines asks for
// this version of s under exactly these conditions, with a well-formed member. It is the
// meaning of [Service.Pattern].
func Follows(values []string, s Service, version string, c Condition) bool {
	return follows(values, parseOverride, s.called, Member{Version: version, From: c.From, Method: c.Method})
}

// FollowsBaggage is [Follows] for the lines of a baggage header, which has no conditions.
// It is the meaning of [Service.BaggagePattern].
func FollowsBaggage(values []string, s Service, version string) bool {
	return follows(values, parseBaggageMember, s.called, Member{Version: version})
}

// AnyBaggage reports whether a baggage header with the given lines contains an override,
// well-formed or not. It is the meaning of [AnyBaggagePattern].
func AnyBaggage(values []string) bool {
	if checkUTF8(values) != nil {
		return false
	}
	for w := (walk{}); w.next(values); {
		if ownsBaggage(w.text) {
			return true
		}
	}
	return false
}

// StrictDue reports whether a request must be answered with 503 if no override row of s
// took it, at the row for condition c. A member is due if
//
//	it names s            with any text as a version, even an impossible one;
//	it is strict          it has that parameter, without a value;
//	it is meant for c     no parameter of a judged kind has another value than c.
//
// An empty c.From or c.Method is the row for all other callers or methods: there any
// parameter of that kind, if judged, makes a member not due. Parameters that are not
// judged or not understood make no difference, so a strict member never falls back
// silently. It is the meaning of [Service.StrictPattern].
func StrictDue(values []string, s Service, j Judged, c Condition) bool {
	if checkUTF8(values) != nil {
		return false
	}
	for w := (walk{}); w.next(values); {
		head, parameters, _ := strings.Cut(w.text, ";")
		name, version, _ := strings.Cut(head, ":")
		if version != "" && s.called(name) && strictDue(parameters, j, c) {
			return true
		}
	}
	return false
}

func strictDue(parameters string, j Judged, c Condition) bool {
	strict := false
	for more := true; more; {
		var p string
		p, parameters, more = strings.Cut(parameters, ";")
		p = trim(p)
		if p == "strict" {
			strict = true
		}
		if from, found := strings.CutPrefix(p, fromPrefix); found && j.From && (c.From == "" || from != c.From) {
			return false
		}
		if method, found := strings.CutPrefix(p, methodPrefix); found && j.Method && (c.Method == "" || method != c.Method) {
			return false
		}
	}
	return strict
}

// follows reports whether want, with a name that is meant, is a well-formed member of the
// lines.
func follows(lines []string, parse func(string) (Member, bool, error), meant func(name string) bool, want Member) bool {
	if checkUTF8(lines) != nil {
		return false
	}
	for w := (walk{}); w.next(lines); {
		m, own, err := parse(w.text)
		if own && err == nil && meant(m.name()) &&
			m.Version == want.Version && m.From == want.From && m.Method == want.Method {
			return true
		}
	}
	return false
}

// called reports whether name, "service" or "service.namespace", refers to s.
func (s Service) called(name string) bool {
	return name == s.Name || s.Namespace != "" && name == s.Name+"."+s.Namespace
}
