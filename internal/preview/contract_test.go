package preview_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/preview"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// world is manifests, and what the pipeline makes of them.
type world struct {
	where     from
	documents [][]byte
	objects   *discover.Objects
	snapshot  *model.Snapshot
	made      generate.Output
}

// from says where objects come from.
type from bool

const (
	files   from = false
	cluster from = true
)

// read reads manifests as the program reads them, or as a cluster in which they are
// deployed and all of their pods are ready.
func read(t tester, text string, where from) *world {
	t.Helper()
	w := &world{objects: &discover.Objects{}, where: where}
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		object, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if string(object) == "null" {
			continue
		}
		w.documents = append(w.documents, object)
		for _, d := range w.objects.Add(discover.ParseWhole(object, "shop", diag.Origin{})) {
			if d.Code != diag.DuplicateObject {
				t.Fatalf("%v", d)
			}
		}
	}
	options := model.DefaultOptions()
	options.Static = where == files
	if where == cluster {
		w.objects.Cluster = true
		for _, workload := range w.objects.Workloads {
			if workload.Replicas > 0 {
				w.objects.Pods = append(w.objects.Pods, podOf(workload, w.objects.Workloads))
			}
		}
	}
	w.snapshot, _ = w.objects.Snapshot(options)
	var err error
	if w.made, err = generate.From(w.snapshot); err != nil {
		t.Fatal(err)
	}
	return w
}

// podOf returns a ready pod of a workload.
func podOf(of *discover.Workload, all []*discover.Workload) *discover.Pod {
	owner, hash := metav1.OwnerReference{Kind: of.Kind, Name: of.Name, Controller: new(true)}, map[string]string{}
	switch of.Kind {
	case "Deployment":
		hash["pod-template-hash"] = "5f7"
	case "Rollout":
		hash["rollouts-pod-template-hash"] = "5f7"
	}
	if len(hash) > 0 {
		owner.Kind, owner.Name = "ReplicaSet", of.Name+"-5f7"
	}
	template := of.Template.All
	for _, w := range all {
		if of.TemplateOf != "" && w.Name == of.TemplateOf {
			template = w.Template.All
		}
	}
	own := maps.Clone(template)
	maps.Copy(own, hash)
	return discover.TrimPod(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: of.Namespace, Name: of.Name + "-x", Labels: own, CreationTimestamp: metav1.Time{Time: of.Created}, OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec:   corev1.PodSpec{Containers: []corev1.Container{{Name: "istio-proxy"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	})
}

// tester is a test of package testing or rapid.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func (w *world) preview(t tester, request preview.Request) preview.Output {
	t.Helper()
	in := preview.Input{Objects: w.objects, Snapshot: w.snapshot, Result: &w.made.Result}
	source, diags := preview.Find(in, request.Namespace, request.Service)
	if source == nil {
		return preview.Output{Diagnostics: diags}
	}
	out, err := preview.Make(in, request, source, w.objects.Documents)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// printed returns the manifests of a preview as text.
func printed(t tester, out preview.Output) string {
	t.Helper()
	var b strings.Builder
	for i := range out.Objects {
		text, err := out.Objects[i].YAML()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "---\n%s", text)
	}
	return b.String()
}

// keepsContract checks what holds for every preview, whatever it is made from: it is refused
// with an error, or it is valid, no other selector matches its pods, the version is routable,
// and ordinary requests reach the pods that they reach without it.
func keepsContract(t tester, text string, request preview.Request, where from) {
	t.Helper()
	before := read(t, text, where)
	out := before.preview(t, request)
	if len(out.Objects) == 0 {
		if worst, _ := diag.Worst(out.Diagnostics); worst != diag.Error {
			t.Errorf("nothing is printed, and no error says why: %v", out.Diagnostics)
		}
		return
	}
	again := printed(t, before.preview(t, request))
	if diff := gocmp.Diff(printed(t, out), again); diff != "" {
		t.Errorf("made again it is another:\n%s", diff)
	}
	deployment, service := decode(t, out)
	if request.Home == "" {
		runsBeside(t, before, deployment, request)
	} else {
		text += aliases(t, text, out, request)
		before = read(t, text, where)
	}
	selectsItself(t, deployment, request)
	matchesNoOther(t, before, deployment, service, request)

	after := read(t, text+again, where)
	difference := prove.Changes(prove.State{Snapshot: before.snapshot, Result: &before.made.Result}, prove.State{Snapshot: after.snapshot, Result: &after.made.Result})
	if len(difference.Changes)+len(difference.Opened) > 0 {
		t.Errorf("ordinary traffic changes: %v, %v", difference.Changes, difference.Opened)
	}
	if diff := gocmp.Diff(before.reached(request, nil), after.reached(request, nil)); diff != "" {
		t.Errorf("ordinary requests reach other workloads (-before +after):\n%s", diff)
	}
	header := map[string][]string{"x-override": {out.Member.String()}}
	if got := after.reached(request, header); !slices.Equal(got, []string{"Deployment/" + deployment.Name}) {
		t.Errorf("%s reaches %v", out.Member, got)
	}
	replaced := after.preview(t, request)
	if diff := gocmp.Diff(again, printed(t, replaced)); diff != "" {
		t.Errorf("made beside itself it is another:\n%s\n%v", diff, replaced.Diagnostics)
	}
}

// decode decodes the objects as the API server does.
func decode(t tester, out preview.Output) (*appsv1.Deployment, *corev1.Service) {
	t.Helper()
	var deployment *appsv1.Deployment
	var service *corev1.Service
	for i := range out.Objects {
		o := &out.Objects[i]
		var object any
		if o.Kind == "Deployment" {
			deployment = &appsv1.Deployment{}
			object = deployment
		} else {
			service = &corev1.Service{}
			object = service
		}
		text, err := o.YAML()
		if err == nil {
			err = yaml.UnmarshalStrict(text, object)
		}
		if err != nil {
			t.Fatalf("%s: %v", o.Object, err)
		}
		if problems := validation.IsDNS1035Label(o.Name); len(problems) > 0 {
			t.Errorf("%s: %v", o.Object, problems)
		}
	}
	if deployment == nil {
		t.Fatal("there is no Deployment")
	}
	return deployment, service
}

func selectsItself(t tester, d *appsv1.Deployment, request preview.Request) {
	t.Helper()
	own := labels.Set(d.Spec.Template.Labels)
	if s, err := metav1.LabelSelectorAsSelector(d.Spec.Selector); err != nil || s.Empty() || !s.Matches(own) {
		t.Errorf("selector %v does not match labels %v (%v)", d.Spec.Selector, own, err)
	}
	for key, value := range own {
		if problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); len(problems) > 0 {
			t.Errorf("label %s: %s: %v", key, value, problems)
		}
	}
	if own[compile.PreviewLabel] != "true" || *d.Spec.Replicas != 1 || d.Namespace != cmp.Or(request.Home, "shop") {
		t.Errorf("labels %v, %d replicas, namespace %s", own, *d.Spec.Replicas, d.Namespace)
	}
	if s := d.Spec.Template.Spec.Containers; !slices.ContainsFunc(s, func(c corev1.Container) bool { return c.Image == request.Image }) {
		t.Errorf("no container has the image: %v", s)
	}
}

// matchesNoOther checks that no selector takes pods of one workload for those of another.
func matchesNoOther(t tester, w *world, d *appsv1.Deployment, service *corev1.Service, request preview.Request) {
	t.Helper()
	own, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range w.documents {
		var x struct {
			Kind     string
			Metadata metav1.ObjectMeta
			Spec     struct {
				Selector any
				Template corev1.PodTemplateSpec
			}
		}
		if err := yaml.Unmarshal(document, &x); err != nil || x.Metadata.Name == d.Name || x.Metadata.Namespace != d.Namespace {
			continue
		}
		name, isService := x.Kind+" "+x.Metadata.Name, x.Kind == "Service"
		if len(x.Spec.Template.Labels) > 0 && own.Matches(labels.Set(x.Spec.Template.Labels)) {
			t.Errorf("the preview's selector matches pods of %s", name)
		}
		if service != nil && len(x.Spec.Template.Labels) > 0 && labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(x.Spec.Template.Labels)) {
			t.Errorf("the preview's Service selects pods of %s", name)
		}
		selects := matching(t, x.Spec.Selector, isService, d.Spec.Template.Labels)
		switch {
		case isService && request.Home == "" && x.Metadata.Name == request.Service && selects == (service != nil):
			t.Errorf("%s selects the preview: %t", name, selects)
		case isService && service != nil && selects, !isService && selects:
			t.Errorf("%s selects the preview's pods", name)
		}
	}
	if service != nil && !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels)) {
		t.Errorf("the preview's Service does not select it")
	}
}

// runsBeside checks that the pods of the workload that is copied can run beside the preview.
func runsBeside(t tester, w *world, d *appsv1.Deployment, request preview.Request) {
	t.Helper()
	source, _ := preview.Find(preview.Input{Objects: w.objects, Snapshot: w.snapshot, Result: &w.made.Result}, request.Namespace, request.Service)
	for _, name := range source.Documents() {
		var x appsv1.Deployment
		if err := yaml.Unmarshal(w.objects.Documents[name], &x); err != nil {
			continue
		}
		for _, term := range apart(&x.Spec.Template.Spec) {
			if s, err := metav1.LabelSelectorAsSelector(term); err == nil && s.Matches(labels.Set(d.Spec.Template.Labels)) {
				t.Errorf("%s does not run beside the preview", name)
			}
		}
	}
}

// apart are the selectors of pods beside which pods don't run.
func apart(spec *corev1.PodSpec) []*metav1.LabelSelector {
	var out []*metav1.LabelSelector
	if spec.Affinity != nil && spec.Affinity.PodAntiAffinity != nil {
		for _, term := range spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			out = append(out, term.LabelSelector)
		}
	}
	for _, c := range spec.TopologySpreadConstraints {
		out = append(out, c.LabelSelector)
	}
	return out
}

// matching reports whether the selector of a manifest matches labels.
func matching(t tester, selector any, isService bool, of map[string]string) bool {
	t.Helper()
	text, err := yaml.Marshal(selector)
	if err != nil {
		t.Fatal(err)
	}
	if isService {
		var set map[string]string
		if err := yaml.Unmarshal(text, &set); err != nil {
			t.Fatal(err)
		}
		return len(set) > 0 && labels.SelectorFromSet(set).Matches(labels.Set(of))
	}
	var s *metav1.LabelSelector
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	parsed, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && parsed.Matches(labels.Set(of))
}

// reached lists the workloads that requests to a Service reach, with a header.
func (w *world) reached(to preview.Request, header map[string][]string) []string {
	at := slices.IndexFunc(w.made.Services, func(s compile.Service) bool { return s.Name == to.Service && s.Namespace == to.Namespace })
	host := w.made.Services[at].Host
	clusters := []route.Cluster{{Host: host}}
	for i := range w.made.Tables {
		table := &w.made.Tables[i]
		if !slices.Contains(table.Hosts, host) {
			continue
		}
		asked := &route.Request{Method: "GET", Scheme: "http", Authority: to.Service, Path: "/", Port: 80, Header: header, Caller: route.Caller{Namespace: "shop"}}
		if found := route.Evaluate(table, asked).Route; found >= 0 {
			clusters = table.Routes[found].AppendClusters(nil)
		}
	}
	var out []string
	for _, c := range clusters {
		out = append(out, w.behind(c)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// behind lists the workloads behind a cluster.
func (w *world) behind(c route.Cluster) []string {
	subset := map[string]string{}
	for _, rule := range w.made.SubsetRules {
		for _, s := range rule.Subsets {
			if rule.Host == c.Host && s.Name == c.Subset {
				subset = s.Labels
			}
		}
	}
	for _, rule := range w.snapshot.DestinationRules {
		for _, s := range rule.Spec.GetSubsets() {
			if w.snapshot.Options.Resolve(rule.Spec.GetHost(), rule.Namespace) == c.Host && s.GetName() == c.Subset {
				subset = s.GetLabels()
			}
		}
	}
	var out []string
	for i := range w.snapshot.Services {
		s := &w.snapshot.Services[i]
		if w.snapshot.Options.FQDN(s.Name, s.Namespace) != w.snapshot.Options.Resolve(c.Host, "shop") {
			continue
		}
		for _, b := range s.Backends {
			if model.HasLabels(b.Labels, subset) && b.Pods > 0 {
				out = append(out, b.Workload.String())
			}
		}
	}
	return out
}

var _ tester = (*testing.T)(nil)
