package event

import (
	"fmt"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// tell adds an Event about d to every Service that d is about. The format of its note is
// for the message of d.
func (t *teller) tell(d *diag.Diagnostic, e Event) {
	format := e.Note
	e.About = d.Object
	for _, name := range t.concerned(d.Object) {
		e.Namespace, e.Service = name[0], name[1]
		e.Note = fmt.Sprintf(format, noteOn(name, d))
		t.out.Events = append(t.out.Events, e)
	}
}

// noteOn returns the note of an Event on a Service about d, which may be about a
// VirtualService.
func noteOn(service [2]string, d *diag.Diagnostic) string {
	if d.Object.Kind == "VirtualService" && d.Object.Name != service[1]+compile.ObjectSuffix {
		return d.Object.String() + ": " + d.Message
	}
	return d.Message
}

// concerned names the Services that an object is about: itself, the one that an object of
// Overrides was made for, or those with versions that a user's VirtualService routes to.
func (t *teller) concerned(object diag.Object) [][2]string {
	if t.owners == nil {
		t.owners = t.Result.Owners()
	}
	owner, wanted := t.owners[object]
	switch {
	case object.Kind == "Service":
		return [][2]string{{object.Namespace, object.Name}}
	case wanted:
		return [][2]string{{object.Namespace, owner}}
	case object.Kind == "VirtualService" && t.Snapshot != nil:
		for i := range t.Snapshot.VirtualServices {
			if v := &t.Snapshot.VirtualServices[i]; v.Object() == object {
				return t.ledTo(v)
			}
		}
	}
	// The name of an object of Overrides that is no longer wanted says what it was for.
	return [][2]string{{object.Namespace, strings.TrimSuffix(object.Name, compile.ObjectSuffix)}}
}

// ledTo names the Services with routes or previews that v is for, routes to, or mirrors
// requests to.
func (t *teller) ledTo(v *model.VirtualService) [][2]string {
	hosts := map[string]bool{}
	add := func(host string) {
		hosts[t.Snapshot.Options.Resolve(host, v.Namespace)] = true
	}
	for _, host := range v.Spec.GetHosts() {
		add(host)
	}
	for _, h := range v.Spec.GetHttp() {
		for _, r := range h.GetRoute() {
			add(r.GetDestination().GetHost())
		}
		add(h.GetMirror().GetHost())
		for _, m := range h.GetMirrors() {
			add(m.GetDestination().GetHost())
		}
	}
	var out [][2]string
	for i := range t.Result.Services {
		if s := &t.Result.Services[i]; hosts[s.Host] && (s.State == compile.Managed || len(s.Previews) > 0) {
			out = append(out, [2]string{s.Namespace, s.Name})
		}
	}
	return out
}
