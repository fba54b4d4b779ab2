package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/current"
)

// nowStatus is the present state of a Service.
type nowStatus struct {
	Pinned current.Pinned `json:"pinned"`
	// To names the workloads that ordinary traffic reaches; Ready and Pods count their pods.
	To    []string `json:"to,omitempty"`
	Ready int      `json:"ready"`
	Pods  int      `json:"pods"`
	// Open are the doors at which ordinary traffic reaches previews.
	Open []compile.Door `json:"open,omitempty"`
	// Waits are the writes that wait, and their reasons.
	Waits []current.Wait `json:"waits,omitempty"`
}

func nowOf(s *current.Service) *nowStatus {
	if s == nil {
		return nil
	}
	return &nowStatus{Pinned: s.Pinned, To: s.To, Ready: s.Ready, Pods: s.Pods, Open: s.Open, Waits: s.Waits}
}

// writeNow writes below the table where ordinary traffic goes, where it reaches previews,
// and what waits.
func writeNow(w io.Writer, services []serviceStatus) error {
	var out strings.Builder
	for i := range services {
		s := &services[i]
		if s.Now == nil {
			continue
		}
		line := func(what, format string, args ...any) {
			fmt.Fprintf(&out, "%s: %s/%s: "+format+"\n", append([]any{what, s.Namespace, s.Service}, args...)...)
		}
		to := "no pod"
		if len(s.Now.To) > 0 {
			to = strings.Join(s.Now.To, ", ")
		}
		line("now", "ordinary traffic reaches %s", to)
		for _, d := range s.Now.Open {
			line("open", "ordinary traffic reaches previews through %s", doorText(&d))
		}
		for _, wait := range s.Now.Waits {
			line("waits", "%s (%s)", wait.What, wait.Reason)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprint(w, "\n"+out.String())
	return err
}

// doorText returns "Route cart.example.com, from namespace web".
func doorText(d *compile.Door) string {
	out := string(d.Kind)
	if d.Name != "" {
		out += " " + d.Name
	}
	if d.Callers != "" {
		out += ", from " + d.Callers
	}
	if d.Unknown != "" {
		out += ", unless " + d.Unknown + ", whose routes are not known, prevents it"
	}
	return out
}
