package report

import (
	"io"

	"github.com/overrides-mesh/overrides/internal/compile"
)

// ServiceDoors lists the ways to the pods of a Service with previews.
type ServiceDoors struct {
	Namespace string         `json:"namespace"`
	Name      string         `json:"service"`
	Doors     []compile.Door `json:"doors"`
}

// DoorsOf lists the doors of the services that have any.
func DoorsOf(services []Service) []ServiceDoors {
	var out []ServiceDoors
	for i := range services {
		if s := &services[i]; len(s.Doors) > 0 {
			out = append(out, ServiceDoors{s.Namespace, s.Name, s.Doors})
		}
	}
	return out
}

// Doors writes the doors of services as a table: all of them, or those that are not
// pinned. It writes nothing if there are none.
func Doors(w io.Writer, services []ServiceDoors, all bool) error {
	rows := [][]string{{"NAMESPACE", "SERVICE", "DOOR", "NAME", "PINNED", "CALLERS"}}
	for _, s := range services {
		for _, d := range s.Doors {
			if !d.Pinned || all {
				rows = append(rows, []string{s.Namespace, s.Name, string(d.Kind), cell(d.Name), yesOrNo(d.Pinned), cell(d.Callers)})
			}
		}
	}
	if len(rows) == 1 {
		return nil
	}
	return Table(w, rows)
}

func yesOrNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
