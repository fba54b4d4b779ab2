package trail

import (
	"fmt"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Response is what a response says of itself.
type Response struct {
	// Served and Errors are the lines of [grammar.ServedHeader] and of [grammar.ErrorHeader].
	Served, Errors []string
}

// JudgeResponse says what became of each member, by the response and the snapshot alone. This is
// weaker than a trail: a response names few of the services that were called.
func JudgeResponse(r *Response, q *Question) []Verdict {
	out := make([]Verdict, 0, len(q.Members))
	for _, m := range q.Members {
		v := Verdict{Member: m.String()}
		if by := r.servedBy(m); by != "" {
			v.Honoured, v.Message = true, fmt.Sprintf("the response says that %s served", by)
		} else {
			f := r.unknown(m, q.Snapshot)
			v.Reason, v.Message = f.reason, f.message
		}
		out = append(out, v)
	}
	return out
}

// servedBy returns what served a member, as the response says it; empty if it does not. A line
// names a version and the workload that served, see istio.ServedValue.
func (r *Response) servedBy(m grammar.Member) string {
	for item := range strings.SplitSeq(strings.Join(r.Served, ","), ",") {
		version, by, _ := strings.Cut(strings.TrimSpace(item), " ")
		members, _ := grammar.Parse(version) // others may have written the line
		if len(members) != 1 || !stands(m, members[0]) {
			continue
		}
		if w := workload(by); w != (Workload{}) {
			return "workload " + w.Name + "." + w.Namespace
		}
		return version
	}
	return ""
}

// unknown says why a member may not have been honoured.
func (r *Response) unknown(m grammar.Member, s *Snapshot) finding {
	if s != nil {
		if f := s.cannot(m); f != nil {
			return *f
		}
	}
	for _, line := range r.Errors {
		if strings.HasPrefix(line, m.Service+".") || strings.HasPrefix(line, m.Service+":") {
			return finding{reason: NotReady, message: "the response says: " + line}
		}
	}
	return finding{reason: NotCalled, message: "the response does not say who served; only records of proxies do"}
}
