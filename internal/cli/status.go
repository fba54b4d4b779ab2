package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/current"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/operator"
	"github.com/overrides-mesh/overrides/internal/report"
	"github.com/overrides-mesh/overrides/internal/route"
)

const statusLong = `Status prints the present state of each Service in a cluster.

IN PLACE is yes if the cluster holds what generate would print. It is served if all
versions are served and ordinary traffic is where it should be, and only objects that are
no longer needed remain to be removed. Otherwise it is no: a write is pending, since a
subset is made before a route names it, or the write is refused. PINNED says whether the
objects in the cluster keep ordinary traffic from previews: yes, partly (not at all
doors), no, or not needed. READY counts the pods that ordinary traffic reaches.
OVERRIDABLE lists the versions that a route in the cluster leads to.

Below the table, status says where ordinary traffic goes, at which doors it reaches
previews, what waits for what, and which objects the operator can't write because the API
server, a webhook or another installation refuses them, from the operator's last Event.
The exit code is 1 if a Service is neither in place nor served.

Status also says which operator holds the lease.`

const statusExamples = `# the namespace of the kubeconfig
overrides status

# all namespaces, as JSON
overrides status -A -o json`

func (a *app) statusCommand() *cobra.Command {
	var output format
	var in *input
	lease := ""
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show whether a cluster's configuration is in place",
		Long:    statusLong,
		Example: a.examples(statusExamples),
		Args:    noArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			if in.fromFiles() {
				return usagef("-f: status reads a cluster, not files")
			}
			return a.status(ctx, in, lease, output.value)
		}),
	}
	addFormat(cmd, &output, "output format", "text", "json")
	in = a.addInput(cmd)
	in.cluster.orFiles = false
	_ = cmd.Flags().MarkHidden("filename")
	cmd.Flags().StringVar(&lease, "lease-namespace", "overrides-system", "`namespace` of the operator's lease")
	return cmd
}

// serviceStatus is the status of one Service.
type serviceStatus struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	// State is empty if there is no such Service.
	State string `json:"state,omitempty"`
	// InPlace is set if the cluster holds what generate would print.
	InPlace bool `json:"inPlace"`
	// Served is set if InPlace is, or if only objects remain to be removed that nobody
	// needs.
	Served bool `json:"served"`
	// Now is the present state; nil if there are neither previews nor objects of
	// Overrides.
	Now *nowStatus `json:"now,omitempty"`
	// Missing lists the writes that are missing.
	Missing []string `json:"missing,omitempty"`
	// Refused are the missing objects that the API server refused.
	Refused []refusedObject `json:"refused,omitempty"`
	// Ordinary says where ordinary traffic stays for now, if it should be elsewhere.
	Ordinary string `json:"ordinary,omitempty"`
	// Overridable are the versions that requests can ask for.
	Overridable []string `json:"overridable,omitempty"`
	// Expires has the times at which versions of Overridable expire.
	Expires map[string]time.Time `json:"expires,omitempty"`
}

// overridable lists Overridable for people.
func (s *serviceStatus) overridable() string {
	out := slices.Clone(s.Overridable)
	for i, name := range out {
		if at := s.Expires[name]; !at.IsZero() {
			out[i] = name + " until " + at.Format(time.RFC3339)
		}
	}
	return strings.Join(out, ", ")
}

func (a *app) status(ctx context.Context, in *input, leaseNamespace, output string) error {
	in.now = time.Now()
	s, err := a.read(ctx, in)
	if err != nil {
		return err
	}
	var namespaces scope
	if s.namespace != "" {
		namespaces = scope{s.namespace: true}
	}
	there, err := ownObjects(s.objects, namespaces, nil)
	if err != nil {
		return err
	}
	changes, err := compare(there, s.generated)
	if err != nil {
		return err
	}
	now, err := momentOf(s, there)
	if err != nil {
		return err
	}
	services := statusOf(s, changes, now)
	a.addRefused(ctx, in, s.namespace, services, changes)
	leader := leaderOf(ctx, in, leaseNamespace)
	if output == "json" {
		err = writeStatusJSON(a.Out, leader, services)
	} else {
		err = a.writeStatus(leader, services, now)
	}
	if err == nil && slices.ContainsFunc(services, func(one serviceStatus) bool { return !one.Served }) {
		err = errReported
	}
	return err
}

// writeStatus writes the status as text.
func (a *app) writeStatus(leader string, services []serviceStatus, now *moment) error {
	a.say("operator: %s", leader)
	if now.label != "" {
		a.say("%s", now.label)
	}
	for i := range services {
		if one := &services[i]; one.Ordinary != "" {
			a.say("%s/%s: %s", one.Namespace, one.Service, one.Ordinary)
		}
	}
	return errors.Join(report.Table(a.Out, statusRows(services)), writeNow(a.Out, services), writeRefused(a.Out, services))
}

// statusOf assigns the changes and the present state to their Services.
func statusOf(s *state, changes []change, now *moment) []serviceStatus {
	var out []serviceStatus
	told := map[diag.Object]bool{}
	for _, x := range s.services() {
		one := serviceStatus{Namespace: x.Namespace, Service: x.Name, State: string(x.State), InPlace: true}
		for i := range changes {
			if c := &changes[i]; c.object.Namespace == x.Namespace && ownerOf(s, c.object) == x.Name {
				one.InPlace, told[c.object] = false, true
				one.Missing = append(one.Missing, c.verb()+" "+c.object.Kind+" "+c.object.Name)
			}
		}
		for _, v := range x.Versions {
			if _, routed := now.routed[route.Version{Namespace: x.Namespace, Service: x.Name, Version: v.Name}]; routed {
				one.Overridable = append(one.Overridable, v.Name)
				if !v.Expires.IsZero() && one.Expires == nil {
					one.Expires = map[string]time.Time{}
				}
				if !v.Expires.IsZero() {
					one.Expires[v.Name] = v.Expires
				}
			}
		}
		object := diag.Object{Kind: "Service", Namespace: x.Namespace, Name: x.Name}
		is := now.now[object]
		one.Now, one.Ordinary = nowOf(is), now.stays[object]
		one.Served = one.InPlace || is != nil && is.Place == current.Served
		out = append(out, one)
	}
	for i := range changes {
		if c := &changes[i]; !told[c.object] {
			// Objects of a Service that is gone, or for the hosts of a VirtualService.
			out = append(out, serviceStatus{
				Namespace: c.object.Namespace, Service: ownerOf(s, c.object), Missing: []string{c.verb() + " " + c.object.Kind + " " + c.object.Name},
			})
		}
	}
	return out
}

// ownerOf names the Service or VirtualService that an object of Overrides is for.
func ownerOf(s *state, object diag.Object) string {
	for i := range s.result.Tables {
		if t := &s.result.Tables[i]; t.Namespace == object.Namespace && t.Name == object.Name {
			return t.Owner
		}
	}
	return strings.TrimSuffix(object.Name, compile.ObjectSuffix)
}

func statusRows(services []serviceStatus) [][]string {
	rows := [][]string{{"NAMESPACE", "SERVICE", "STATE", "IN PLACE", "PINNED", "READY", "OVERRIDABLE", "MISSING"}}
	for i := range services {
		s := &services[i]
		place, pinned, ready := "no", "", ""
		switch {
		case s.InPlace:
			place = "yes"
		case s.Served:
			place = "served"
		}
		if s.Now != nil {
			pinned, ready = string(s.Now.Pinned), fmt.Sprintf("%d/%d", s.Now.Ready, s.Now.Pods)
		}
		rows = append(rows, []string{
			s.Namespace, s.Service, orNone(s.State), place, orNone(pinned), orNone(ready),
			orNone(s.overridable()), orNone(strings.Join(s.Missing, ", ")),
		})
	}
	return rows
}

// writeRefused writes below the table why objects are missing.
func writeRefused(w io.Writer, services []serviceStatus) error {
	var out strings.Builder
	for _, s := range services {
		for _, r := range s.Refused {
			fmt.Fprintf(&out, "\nrefused: %s %s/%s (%s, said %s): %s", r.Kind, s.Namespace, r.Name, r.Code, r.Since.UTC().Format(time.RFC3339), r.Message)
		}
	}
	if out.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintln(w, out.String())
	return err
}

func orNone(s string) string {
	if s == "" {
		return "—"
	}
	return s
}

func writeStatusJSON(w io.Writer, leader string, services []serviceStatus) error {
	if services == nil {
		services = []serviceStatus{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Operator string          `json:"operator"`
		Services []serviceStatus `json:"services"`
	}{leader, services})
}

// leaderOf says who holds the operator's lease.
func leaderOf(ctx context.Context, in *input, namespace string) string {
	lease, err := readLease(ctx, in, namespace)
	switch {
	case apierrors.IsNotFound(err):
		return "there is no lease in namespace " + namespace
	case err != nil:
		return "not known: " + err.Error()
	case lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" || lease.Spec.RenewTime == nil:
		return "no leader"
	}
	age := time.Since(lease.Spec.RenewTime.Time)
	if d := lease.Spec.LeaseDurationSeconds; d != nil && age > time.Duration(*d)*time.Second {
		return fmt.Sprintf("no leader; %s was until %s ago", *lease.Spec.HolderIdentity, age.Round(time.Second))
	}
	return *lease.Spec.HolderIdentity + " leads"
}

func readLease(ctx context.Context, in *input, namespace string) (*coordinationv1.Lease, error) {
	config, _, err := in.cluster.load()
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	resource := schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	object, err := client.Resource(resource).Namespace(namespace).Get(ctx, operator.LeaseName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	lease := &coordinationv1.Lease{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, lease); err != nil {
		return nil, errors.New("the lease can't be read")
	}
	return lease, nil
}
