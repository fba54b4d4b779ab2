package cli

import (
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// addSelector gives cmd the flag that narrows what it prints to some Services.
func addSelector(cmd *cobra.Command, in *input) {
	cmd.Flags().StringVarP(&in.selector, "selector", "l", "", "`selector` of the Services to print something for, by their labels, as in app=cart,tier!=data. What is read stays the same")
}

// readSelector returns the labels that Services are to have.
func (in *input) readSelector() (labels.Selector, error) {
	selector, err := labels.Parse(in.selector)
	if err != nil {
		return nil, usagef("--selector: %w", err)
	}
	return selector, nil
}

// selection is the Services that something is printed for, and the objects that are made
// for them.
type selection struct {
	services map[diag.Object]bool
	objects  map[diag.Object]bool
}

// selectServices leaves of what was made and found what is for the Services with labels.
func (s *state) selectServices(selector labels.Selector) {
	chosen := &selection{services: map[diag.Object]bool{}, objects: map[diag.Object]bool{}}
	for _, x := range s.objects.Services {
		if selector.Matches(labels.Set(x.Labels)) {
			chosen.services[diag.Object{Kind: "Service", Namespace: x.Namespace, Name: x.Name}] = true
		}
	}
	hosts := map[string]bool{}
	for i := range s.result.Services {
		if x := &s.result.Services[i]; chosen.services[diag.Object{Kind: "Service", Namespace: x.Namespace, Name: x.Name}] {
			hosts[x.Host] = true
		}
	}
	// A table needs the subsets that its routes lead to, whichever Service they are of.
	named := map[string]bool{}
	for i := range s.result.Tables {
		t := &s.result.Tables[i]
		if !slices.ContainsFunc(t.Hosts, func(host string) bool { return hosts[host] }) {
			continue
		}
		chosen.objects[istio.TableObject(t)] = true
		for j := range t.Routes {
			for _, d := range t.Routes[j].Destinations {
				named[d.Host] = true
			}
		}
	}
	for i := range s.result.SubsetRules {
		if r := &s.result.SubsetRules[i]; hosts[r.Host] || named[r.Host] {
			chosen.objects[istio.RuleObject(r)] = true
		}
	}
	s.selected = chosen
	s.generated = slices.DeleteFunc(s.generated, func(o istio.Object) bool { return !chosen.objects[o.Object] })
	s.diags = slices.DeleteFunc(s.diags, func(d diag.Diagnostic) bool {
		return d.Object.Kind == "Service" && !chosen.services[d.Object]
	})
}

// service reports whether something is printed for a Service.
func (c *selection) service(namespace, name string) bool {
	return c == nil || c.services[diag.Object{Kind: "Service", Namespace: namespace, Name: name}]
}

// object reports whether an object is made for a Service that something is printed for,
// or was.
func (c *selection) object(name diag.Object, owner string) bool {
	return c == nil || c.objects[name] || c.service(name.Namespace, owner)
}
