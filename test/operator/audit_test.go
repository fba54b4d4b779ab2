package operator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

// audited are the groups whose requests the API servers record: all operators of this package
// that run with the chart's rights are ServiceAccounts. Those that tests deprive of rights are
// not: an administrator impersonates them.
var audited = []string{"system:serviceaccounts"}

// operatorSuffix ends the names of the operators' ServiceAccounts, in the chart and here.
const operatorSuffix = "-operator"

// right is a permission of a role, or one that a request needed.
type right struct{ group, resource, verb string }

func (r right) String() string { return r.verb + " " + r.resource + "." + r.group }

// mayBeDenied are the names of shops whose operators are denied something, and why.
var mayBeDenied = map[string]string{
	"away": "an API server that was restarted answers before it knows the roles",
}

// byChance are rights that not every run uses, and when a run does.
var byChance = map[right]string{
	{"", "events", "patch"}: "a replica that leads again repeats its Event, which the recorder then counts: with the API server that was restarted, if it knows the roles by then",
}

// used is what all operators of this package have done, by the audit logs of the API servers.
var used = newUsage()

func newUsage() *usage { return &usage{rights: map[right]bool{}, denied: map[string]bool{}} }

// usage is what an API server has permitted and denied.
type usage struct {
	mu     sync.Mutex
	rights map[right]bool
	denied map[string]bool
}

// auditEvent is the part of an Event of audit.k8s.io/v1 that matters here.
type auditEvent struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	ObjectRef  *struct {
		Group       string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	Response struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations map[string]string `json:"annotations"`
}

// read adds the audit log of an API server.
func (u *usage) read(plane *controlplane.Plane) error {
	file, err := os.Open(plane.AuditLog())
	if os.IsNotExist(err) {
		return nil // nobody was recorded
	}
	if err != nil {
		return err
	}
	defer file.Close()
	u.mu.Lock()
	defer u.mu.Unlock()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event auditEvent
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return fmt.Errorf("%s: %w", lines.Bytes(), err)
		}
		u.add(&event)
	}
	return lines.Err()
}

func (u *usage) add(e *auditEvent) {
	switch {
	case e.ObjectRef == nil || !strings.HasSuffix(e.User.Username, operatorSuffix):
	case e.Annotations["authorization.k8s.io/decision"] != "allow":
		if _, may := mayBeDenied[shopOf(e.User.Username)]; may {
			return
		}
		u.denied[fmt.Sprintf("%s asked to %s %s", e.User.Username, e.Verb, e.RequestURI)] = true
	default:
		x := right{e.ObjectRef.Group, e.ObjectRef.Resource, e.Verb}
		if e.ObjectRef.Subresource != "" {
			x.resource += "/" + e.ObjectRef.Subresource
		}
		if x.verb == "list" || x.verb == "watch" {
			x.verb = "read"
		}
		u.rights[x] = true
		if x.verb == "patch" && e.Response.Code == 201 {
			x.verb = "create" // an apply where nothing was needs both
			u.rights[x] = true
		}
	}
}

// shopOf returns the name of the shop whose namespace has an account:
// system:serviceaccount:NAME-SUFFIX:ACCOUNT.
func shopOf(user string) string {
	namespace := strings.Split(user, ":")[2]
	return namespace[:strings.LastIndexByte(namespace, '-')]
}

// ranAll reports whether no test was left out.
func ranAll() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.short"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != f.DefValue {
			return false
		}
	}
	return true
}

// faults lists the chart's rights that nobody used, and the requests that were denied.
func (u *usage) faults() []string {
	objects, err := chartRights(context.Background(), "audit")
	if err != nil {
		return []string{err.Error()}
	}
	bound := map[string]bool{}
	for _, o := range objects {
		if role, is := strings.CutSuffix(o.GetKind(), "Binding"); is {
			bound[role+o.GetNamespace()+"/"+o.GetName()] = true // the binding has the name of the role
		}
	}
	granted := map[right]bool{}
	for _, o := range objects {
		var role rbacv1.ClusterRole
		if !bound[o.GetKind()+o.GetNamespace()+"/"+o.GetName()] {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
			return []string{err.Error()}
		}
		for _, rule := range role.Rules {
			for _, x := range grantedBy(rule) {
				granted[x] = true
			}
		}
	}
	out := slices.Sorted(maps.Keys(u.denied))
	for x := range granted {
		if _, chance := byChance[x]; !u.rights[x] && !chance {
			out = append(out, "never used: "+x.String())
		}
	}
	slices.Sort(out)
	return out
}

// grantedBy returns the rights of a rule. Lists and watches count as one: the API server decides
// which of them an informer begins with.
func grantedBy(rule rbacv1.PolicyRule) []right {
	var out []right
	for _, group := range rule.APIGroups {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				if verb == "list" || verb == "watch" {
					verb = "read"
				}
				out = append(out, right{group, resource, verb})
			}
		}
	}
	return out
}
