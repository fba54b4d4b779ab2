package trail

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Snapshot is a cluster, and what was compiled from it. It says why a proxy took a row; it may be
// younger than the request.
type Snapshot struct {
	Model  *model.Snapshot
	Result *compile.Result
}

// service returns the report about a Service; nil if there is none.
func (s *Snapshot) service(name, namespace string) *compile.Service {
	at := slices.IndexFunc(s.Result.Services, func(c compile.Service) bool { return c.Name == name && c.Namespace == namespace })
	if at < 0 {
		return nil
	}
	return &s.Result.Services[at]
}

// version returns a version of a Service; nil if there is none, or if the Service is left alone.
func (s *Snapshot) version(name, namespace, version string) *compile.Version {
	c := s.service(name, namespace)
	if c == nil || c.State == compile.Skipped {
		return nil
	}
	at := slices.IndexFunc(c.Versions, func(v compile.Version) bool { return v.Name == version })
	if at < 0 {
		return nil
	}
	return &c.Versions[at]
}

// why says why a proxy that had a member took another row for a call.
func (s *Snapshot) why(h *Hop, m grammar.Member) finding {
	name, namespace := h.Service()
	v := s.version(name, namespace, m.Version)
	if v == nil {
		return finding{reason: NoSuchVersion, message: s.about(m, name, namespace, fmt.Sprintf("%s.%s has no version %s", name, namespace, m.Version))}
	}
	if v.Ready == 0 {
		return finding{reason: NotReady, message: s.about(m, name, namespace, fmt.Sprintf("no pod of %s:%s is ready", name, m.Version))}
	}
	e, err := explain.New(s.Model, s.Result, h.query(s.Model.Options.Header))
	if err != nil || len(e.Hops) == 0 {
		return finding{reason: NotFollowed, message: fmt.Sprintf("the proxy of %s took row %s", h.Caller(), h.Out.Route)}
	}
	return s.compare(h, m, &e.Hops[0])
}

// cannot says why no request can follow a member at any Service; nil if one can.
func (s *Snapshot) cannot(m grammar.Member) *finding {
	notes := explain.CheckMembers(s.Model, s.Result, []grammar.Member{m})
	if len(notes) == 0 {
		return nil
	}
	out := &finding{reason: NoSuchVersion, message: afterMember(notes[0])}
	for i := range s.Result.Services {
		c := &s.Result.Services[i]
		if c.Name != m.Service && !m.IsSet() || m.Namespace != "" && m.Namespace != c.Namespace {
			continue
		}
		if v := s.version(c.Name, c.Namespace, m.Version); v != nil {
			out.reason = ConditionNotMet
			if v.Ready == 0 {
				out.reason = NotReady
			}
		}
	}
	return out
}

// afterMember returns the message of a note about a member, without the member.
func afterMember(n explain.Note) string {
	_, text, _ := strings.Cut(n.Message, ": ")
	return text
}

// compare says how the row that the proxy took differs from the one that it should have taken.
func (s *Snapshot) compare(h *Hop, m grammar.Member, should *explain.Hop) finding {
	name, _ := h.Service()
	row := cmp.Or(h.Out.Route, "without a name")
	version := rowVersion(should.Route, name, append(h.Out.members(), m))
	switch {
	case version == m.Version:
		return finding{reason: RouteNotYet, message: fmt.Sprintf("the row %s was not yet in the proxy of %s, which took row %s", should.Route, h.Caller(), row)}
	case version != "":
		return finding{reason: LostToAnother, message: fmt.Sprintf("at %s, the request asks for %s too, which wins (row %s)", name, version, should.Route)}
	case should.Gateway.Refuses() || should.Sidecar.Refuses():
		return finding{reason: RefusedByGuard, message: fmt.Sprintf("%s permits the override to users with other claims only (row %s)", h.Caller(), row)}
	}
	why := "the row of the version is for other requests"
	for _, r := range should.Rows {
		if rowVersion(r.Name, name, []grammar.Member{m}) == m.Version {
			why = fmt.Sprintf("row %s: %s", r.Name, r.Why)
			break // rows for members that name the Service come first
		}
	}
	return finding{reason: ConditionNotMet, message: fmt.Sprintf("the proxy of %s took row %s; %s", h.Caller(), row, why)}
}

// about returns what explain says of a member at a Service, otherwise if it says nothing.
func (s *Snapshot) about(m grammar.Member, name, namespace, otherwise string) string {
	m.Service, m.Namespace = name, namespace
	for _, n := range explain.CheckMembers(s.Model, s.Result, []grammar.Member{m}) {
		return afterMember(n)
	}
	return otherwise
}

// query asks where the request of a call should have gone. carrier is the name of the override
// header.
func (h *Hop) query(carrier string) explain.Query {
	r := h.Out
	name, namespace := h.Service()
	q := explain.Query{
		Chain: []string{name}, Namespace: namespace, Only: true, From: strings.TrimSuffix(r.Proxy.Namespace+"/"+r.Proxy.identity(), "/"),
		Header: map[string][]string{}, Method: r.Method, Path: cmp.Or(r.Path, "/"), Time: r.Start,
	}
	if r.Side == Gateway {
		q.Chain, q.From = []string{hostOf(r.Authority)}, ""
	} else if _, text, is := istio.ParseCluster(r.Cluster); is {
		port, _ := strconv.ParseUint(text, 10, 16) // zero is the first HTTP port
		q.Port = uint32(port)
	}
	if r.Header != "" {
		q.Header[carrier] = []string{r.Header}
	}
	if members, _ := grammar.Parse(r.Baggage); len(members) > 0 {
		baggage, _ := grammar.FormatBaggage(members...)
		q.Header[grammar.BaggageHeader] = []string{baggage}
	}
	return q
}

// hostOf returns a host without its port.
func hostOf(authority string) string {
	host, _, _ := strings.Cut(authority, ":")
	return host
}
