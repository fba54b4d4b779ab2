package cli

import (
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// addSelector adds the flag that restricts the output of cmd to some Services.
func addSelector(cmd *cobra.Command, in *input) {
	cmd.Flags().StringVarP(&in.selector, "selector", "l", "", "label `selector` of the Services to print results for, as in app=cart,tier!=data. The input that is read does not change")
}

// readSelector parses the flag.
func (in *input) readSelector() (labels.Selector, error) {
	selector, err := labels.Parse(in.selector)
	if err != nil {
		return nil, usagef("--selector: %w", err)
	}
	return selector, nil
}

// selection holds the Services to print results for, and the objects made for them.
type selection struct {
	services map[diag.Object]bool
	objects  map[diag.Object]bool
}

// selectServices removes all results that are not about Services with the given labels.
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
	// A table needs the subsets that its routes lead to, even those of other Services.
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
	s.entries = nil
	s.generated = slices.DeleteFunc(s.generated, func(o istio.Unencoded) bool { return !chosen.objects[o.Object] })
	s.diags = slices.DeleteFunc(s.diags, func(d diag.Diagnostic) bool {
		return d.Object.Kind == "Service" && !chosen.services[d.Object]
	})
}

// service reports whether results for a Service are printed.
func (c *selection) service(namespace, name string) bool {
	return c == nil || c.services[diag.Object{Kind: "Service", Namespace: namespace, Name: name}]
}

// object reports whether an object is, or was, made for a Service whose results are
// printed.
func (c *selection) object(name diag.Object, owner string) bool {
	return c == nil || c.objects[name] || c.service(name.Namespace, owner)
}
