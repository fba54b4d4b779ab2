package trail

import (
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Query asks for records. Each part that is not empty must hold.
type Query struct {
	RequestID, TraceID, Mark string
	// Member is SERVICE[.NAMESPACE]:VERSION, or the name of a set, VERSION alone.
	Member string
	// Since is the earliest start.
	Since time.Time
}

// Matches reports whether a record is one that is asked for.
func (q *Query) Matches(r *Record) bool {
	return (q.RequestID == "" || q.RequestID == r.RequestID) &&
		(q.TraceID == "" || q.TraceID == r.TraceID) &&
		(q.Mark == "" || q.Mark == r.Mark) &&
		(q.Member == "" || asksFor(r, q.Member)) &&
		!r.Start.Before(q.Since)
}

// MemberText returns a member as headers have it; the name of a set alone stands for the set.
func MemberText(member string) string {
	if strings.Contains(member, ":") {
		return member
	}
	return grammar.SetName + ":" + member
}

// asksFor reports whether a request had a member, whatever its parameters.
func asksFor(r *Record, member string) bool {
	member = MemberText(member)
	for _, line := range []string{r.Header, r.Baggage} {
		members, _ := grammar.Parse(line) // malformed ones ask for nothing
		for _, m := range members {
			m.From, m.Method, m.Strict = "", "", false
			if m.String() == member {
				return true
			}
		}
	}
	return false
}
