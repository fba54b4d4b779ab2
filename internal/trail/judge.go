package trail

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Cause is why a member was not honoured. The list is closed.
type Cause string

const (
	// NoSuchVersion is the cause if the Service does not exist, is left alone, or has no such version.
	NoSuchVersion Cause = "NoSuchVersion"
	// NotReady is the cause if no pod of the version could serve.
	NotReady Cause = "NotReady"
	// ConditionNotMet is the cause if the member, or the row of its version, is for other callers, methods or requests.
	ConditionNotMet Cause = "ConditionNotMet"
	// LostToAnother is the cause if another member of the request was followed.
	LostToAnother Cause = "LostToAnother"
	// RefusedByGuard is the cause if a gateway or a sidecar removed the override, or answered the request.
	RefusedByGuard Cause = "RefusedByGuard"
	// RouteNotYet is the cause if the configuration has a row for the version, and the proxy did not have it.
	RouteNotYet Cause = "RouteNotYet"
	// AnsweredBefore is the cause if a redirect or a cache answered before the Service was called.
	AnsweredBefore Cause = "AnsweredBefore"
	// NotForwarded is the cause if the header never reached the caller's proxy: a program did not forward it.
	NotForwarded Cause = "NotForwarded"
	// NotCalled is the cause if no record says that anything called the Service.
	NotCalled Cause = "NotCalled"
	// NotFollowed is the cause if the proxy had the override and took another row. Only a snapshot of the
	// cluster says more.
	NotFollowed Cause = "NotFollowed"
)

// Verdict says what became of one member of an override.
type Verdict struct {
	// Member is the member as the header has it.
	Member   string `json:"member"`
	Honoured bool   `json:"honoured"`
	// Reason is why it was not honoured; empty if it was.
	Reason Cause `json:"reason,omitempty"`
	// Message says where it was honoured, or why it was not and where, in a sentence.
	Message string `json:"message"`
	// Culprit is the program that did not forward the header; empty for other reasons.
	Culprit string `json:"culprit,omitempty"`
}

// Question asks which members a trail honoured.
type Question struct {
	// Members are those to judge.
	Members []grammar.Member
	// Asked are those that the request asked for; Members if it is nil. A set in it stands for each
	// member with its version.
	Asked []grammar.Member
	// VersionLabel is the label of pods that has the version.
	VersionLabel string
	// Sent is set if the client is known to have sent Members.
	Sent bool
	// Snapshot says why proxies took the rows that they took; nil if no cluster can be read.
	Snapshot *Snapshot
	// Others are the trails of like requests, and may have the judged one among them. They show which
	// calls a service makes.
	Others []*Trail
	// Answer says that the response to the client came from a cache, in words; empty if nothing
	// says so.
	Answer string
}

// Judge says for each member whether every call of its Service was served by its version. A
// member that was not honoured at several calls has the reason of the first. t is nil if
// there is no record.
func Judge(t *Trail, q Question) []Verdict {
	out := make([]Verdict, 0, len(q.Members))
	for _, m := range q.Members {
		j := judging{Question: &q, trail: t, member: m, asked: m}
		if at := slices.IndexFunc(q.Asked, func(a grammar.Member) bool { return a == m }); at < 0 {
			if at = slices.IndexFunc(q.Asked, func(a grammar.Member) bool { return stands(a, m) }); at >= 0 {
				j.asked = q.Asked[at]
			}
		}
		out = append(out, j.verdict())
	}
	return out
}

// Honoured reports whether all members were honoured.
func Honoured(verdicts []Verdict) bool {
	return !slices.ContainsFunc(verdicts, func(v Verdict) bool { return !v.Honoured })
}

// judging is the state of judging one member.
type judging struct {
	*Question

	trail  *Trail
	member grammar.Member
	// asked is the member that the request has for it.
	asked grammar.Member
}

// stands reports whether asking for a asks for m: it has the same version, and is a set or names the
// Service with other words.
func stands(a, m grammar.Member) bool {
	return a.Version == m.Version && (a.IsSet() || a.Service == m.Service) && (a.Namespace == "" || m.Namespace == "" || a.Namespace == m.Namespace)
}

// finding is what became of the member at one call.
type finding struct {
	reason           Cause
	message, culprit string
}

func (j *judging) verdict() Verdict {
	out := Verdict{Member: j.member.String()}
	if j.trail == nil {
		out.Reason, out.Message = NotCalled, "no proxy reported this request"
		return out
	}
	var served []string
	var first, otherwise *finding
	for _, h := range j.trail.All() {
		if !j.concerns(h) {
			continue
		}
		f := j.at(h)
		switch {
		case f.reason == "":
			if !slices.Contains(served, f.message) {
				served = append(served, f.message)
			}
		case f.reason == ConditionNotMet && !j.applies(h), f.reason == LostToAnother && j.member.IsSet():
			otherwise = cmp.Or(otherwise, &f)
		default:
			first = cmp.Or(first, &f)
		}
	}
	if first == nil && len(served) > 0 {
		out.Honoured, out.Message = true, strings.Join(served, "; ")
		return out
	}
	f := cmp.Or(first, otherwise)
	if f == nil {
		f = j.notCalled()
	}
	out.Reason, out.Message, out.Culprit = f.reason, f.message, f.culprit
	return out
}

// concerns reports whether a call is of the Service of the member. A set is about the Services
// that have its version; without a snapshot, about those at which the version was chosen or
// the member was lost.
func (j *judging) concerns(h *Hop) bool {
	if h.In != nil && h.In.Side == Gateway || h.Out == nil && h.parent != nil {
		return false // the call of a gateway, or a try
	}
	name, namespace := h.Service()
	if !j.member.IsSet() {
		return name == j.member.Service && (j.member.Namespace == "" || namespace == j.member.Namespace)
	}
	if j.member.Namespace != "" && namespace != j.member.Namespace {
		return false
	}
	switch {
	case h.Out != nil && rowVersion(h.Out.Route, name, []grammar.Member{j.member}) != "":
		return true // even if the version is no longer there
	case j.Snapshot != nil:
		return j.Snapshot.version(name, namespace, j.member.Version) != nil
	}
	return h.Out != nil && !h.Out.carries(j.asked)
}

// applies reports whether the conditions of the member allow a call.
func (j *judging) applies(h *Hop) bool {
	m := j.asked
	if h.Out == nil {
		return m.From == "" && (m.Method == "" || m.Method == h.In.Method)
	}
	return (m.Method == "" || m.Method == h.Out.Method) && (m.From == "" || m.From == h.Out.Proxy.identity())
}

// at judges one call.
func (j *judging) at(h *Hop) finding {
	name, _ := h.Service()
	call := fmt.Sprintf("%s called %s", h.Caller(), name)
	switch {
	case !j.applies(h):
		return finding{reason: ConditionNotMet, message: fmt.Sprintf("%s, and the member is for other calls", strings.TrimSuffix(call+" with "+h.first().Method, " with "))}
	case h.Out == nil:
		return j.withoutCaller(h)
	case rowVersion(h.Out.Route, name, append(h.Out.members(), j.member)) == j.member.Version:
		return j.chosen(h, name)
	case !h.Out.carries(j.asked):
		return j.lost(h)
	}
	return j.notFollowed(h, call)
}

// withoutCaller judges a call of which only the called pod's proxy says something.
func (j *judging) withoutCaller(h *Hop) finding {
	name, _ := h.Service()
	switch {
	case h.Version(j.VersionLabel) == j.member.Version:
		return finding{message: j.servedBy(h)}
	case !h.In.carries(j.asked):
		return j.lost(h)
	}
	return finding{reason: NotFollowed, message: fmt.Sprintf("%s was called by a program whose proxy reported nothing, and %s", name, j.servedBy(h))}
}

// chosen judges a call whose row leads to the version.
func (j *judging) chosen(h *Hop, name string) finding {
	version, flags := h.Version(j.VersionLabel), h.Out.Flags
	switch {
	case h.In == nil && slices.Contains(flags, "NC"):
		return finding{reason: RouteNotYet, message: fmt.Sprintf("the proxy of %s has the row %s, and not yet its cluster", h.Caller(), h.Out.Route)}
	case h.In == nil && h.Out.lacksUpstream():
		return finding{reason: NotReady, message: fmt.Sprintf("no pod of %s:%s answered the call of %s (%s)", name, j.member.Version, h.Caller(), strings.Join(flags, ", "))}
	case version != "" && version != j.member.Version && !h.isolated(name):
		return finding{reason: NotReady, message: fmt.Sprintf("no pod of %s:%s could serve, and the row %s fell back: %s", name, j.member.Version, h.Out.Route, j.servedBy(h))}
	}
	return finding{message: j.servedBy(h)}
}

// isolated reports whether the row led from a Service to one of the version's own: the labels of its
// pods say nothing about the version.
func (h *Hop) isolated(name string) bool {
	cluster, _, is := istio.ParseCluster(h.Out.Cluster)
	if !is || cluster.Subset != "" {
		return false
	}
	of, in := serviceOf(cluster.Host, "")
	return in != "" && of != name
}

// servedBy says what answered a call, in words.
func (j *judging) servedBy(h *Hop) string {
	what := h.Called()
	if v := h.Version(j.VersionLabel); v != "" {
		what += ":" + v
	}
	if w, _ := h.Workload(); h.Pod() != "" {
		what += " (pod " + h.Pod() + ")"
	} else if w != "" {
		what += " (workload " + w + ")"
	} else {
		what += " (no proxy says which pod)"
	}
	return fmt.Sprintf("%s served the call of %s", what, h.Caller())
}

// lost says who removed the member, or did not forward it, before a call.
func (j *judging) lost(h *Hop) finding {
	for ; h != nil; h = h.parent {
		p := h.parent
		called, _ := h.Service()
		switch {
		case h.Out == nil && j.Sent && h == j.trail.Roots[0]:
			return h.goneAt()
		case h.Out == nil:
			return finding{reason: NotForwarded, message: fmt.Sprintf("the request reached %s without the override, and no record says from where", h.Called())}
		case h.Out.Side == Gateway && j.Sent && (p == nil || p.Out == nil):
			return finding{reason: RefusedByGuard, message: h.Caller() + " removed the override that the client sent"}
		case p == nil:
			return finding{reason: NotForwarded, message: fmt.Sprintf("the header never reached the proxy of %s when it called %s, and no record says how the request came there", h.Caller(), called)}
		case p.last().carries(j.asked):
			return j.notForwarded(h, called)
		case p.Out != nil && p.In != nil && p.Out.carries(j.asked):
			return finding{reason: RefusedByGuard, message: fmt.Sprintf("the sidecar of %s removed the override that came from %s", p.Called(), p.Caller())}
		}
	}
	return finding{reason: NotForwarded, message: "no proxy saw the override"}
}

// goneAt says that the override that the client sent was gone where the request arrived.
func (h *Hop) goneAt() finding {
	return finding{reason: RefusedByGuard, message: "the client sent the override, and it was gone at " + h.Called()}
}

// notForwarded says that the program that made a call did not forward the header.
func (j *judging) notForwarded(h *Hop, called string) finding {
	if h.Uncertain && j.otherWithout(h) {
		return finding{reason: NotForwarded, message: fmt.Sprintf("the header never reached %s: calls with and without it reached %s at the same time, and the records do not say which of them led to this call", called, h.Caller())}
	}
	return finding{
		reason: NotForwarded, culprit: h.Caller(),
		message: fmt.Sprintf("the header never reached %s: %s got it and did not forward it", called, h.Caller()),
	}
}

// otherWithout reports whether the pod that made a call got one without the member.
func (j *judging) otherWithout(h *Hop) bool {
	return slices.ContainsFunc(j.trail.All(), func(o *Hop) bool {
		return o.In != nil && o.In.Side == Inbound && podOf(o.In) == podOf(h.Out) && !o.In.carries(j.asked)
	})
}

// notFollowed says why a proxy that had the member took another row.
func (j *judging) notFollowed(h *Hop, call string) finding {
	name, namespace := h.Service()
	if by := j.followed(h, name, namespace); by != "" {
		return finding{reason: LostToAnother, message: fmt.Sprintf("%s, and its proxy followed %s", call, by)}
	}
	if j.Snapshot != nil {
		return j.Snapshot.why(h, j.member)
	}
	if isRedirect(h.Out) && h.Out.Upstream.To == "" {
		return finding{reason: AnsweredBefore, message: fmt.Sprintf("the proxy of %s answered the call of %s with a redirect (%d)", h.Caller(), name, h.Out.Status)}
	}
	row := cmp.Or(h.Out.Route, "without a name")
	if strings.HasPrefix(row, string(route.Unavailable)+".") {
		return finding{reason: NotFollowed, message: fmt.Sprintf("%s, and its proxy answered %d (row %s): the version does not exist, or no pod of it is ready", call, h.Out.Status, row)}
	}
	return finding{reason: NotFollowed, message: fmt.Sprintf("%s with the override, and its proxy took row %s; %s", call, row, j.servedBy(h))}
}

// followed returns the member of the request that was followed instead; empty for none.
func (j *judging) followed(h *Hop, name, namespace string) string {
	asked := h.Out.members()
	version := rowVersion(h.Out.Route, name, asked)
	for _, m := range asked {
		if version != "" && m.Version == version && (m.Service == name || m.IsSet()) && (m.Namespace == "" || m.Namespace == namespace) {
			return m.String()
		}
	}
	return ""
}

func isRedirect(r *Record) bool { return r.Status >= 300 && r.Status < 400 }
