package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/valid"
)

func TestUniqueNames(t *testing.T) {
	t.Parallel()
	hosts := func(name string) wanted {
		return wanted{namespace: "shop", wants: []string{name, name + "-hosts"}, key: name}
	}
	elsewhere := hosts("foo")
	elsewhere.namespace = "lab"
	for name, test := range map[string]struct {
		claims []wanted
		// services and foreign are objects of namespace shop.
		services, foreign []string
		want              []string
	}{
		"nobody in the way": {
			[]wanted{hosts("bar"), elsewhere},
			[]string{"foo"},
			nil,
			[]string{"bar-overrides", "foo-overrides"},
		},
		"a Service of that name": {
			[]wanted{hosts("foo")},
			[]string{"foo"},
			nil,
			[]string{"foo-hosts-overrides"},
		},
		"two Services in the way": {
			[]wanted{hosts("foo")},
			[]string{"foo", "foo-hosts"},
			nil,
			[]string{"foo-hosts-99a354d91a-overrides"},
		},
		"a first choice before a second one": {
			[]wanted{hosts("foo"), hosts("foo-hosts")},
			[]string{"foo"},
			nil,
			[]string{"foo-hosts-99a354d91a-overrides", "foo-hosts-overrides"},
		},
		"an object of somebody else's": {
			[]wanted{hosts("bar")},
			nil,
			[]string{"bar-overrides"},
			[]string{"bar-overrides"},
		},
		"an object of somebody else's in place of the second choice": {
			[]wanted{hosts("foo")},
			[]string{"foo"},
			[]string{"foo-hosts-overrides"},
			[]string{"foo-hosts-99a354d91a-overrides"},
		},
		"and in place of the third": {
			[]wanted{hosts("foo")},
			[]string{"foo"},
			[]string{"foo-hosts-overrides", "foo-hosts-99a354d91a-overrides"},
			[]string{"foo-hosts-9c11df8ccd-overrides"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reserved := func(namespace, name string) bool {
				return namespace == "shop" && slices.Contains(test.services, strings.TrimSuffix(name, ObjectSuffix))
			}
			foreign := func(namespace, name string) bool { return namespace == "shop" && slices.Contains(test.foreign, name) }
			if diff := cmp.Diff(test.want, uniqueNames(test.claims, reserved, foreign)); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUniqueNamesProperties: names are valid, none is given twice, none is a Service's, none
// is somebody else's but as a first choice, and the order of claims does not matter.
func TestUniqueNamesProperties(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 250)
	base := rapid.SampledFrom([]string{"foo", "foo-hosts", "foo-hosts-hosts", "foo.bar", long, long + "b", strings.Repeat("a.", 126) + "c"})
	type id struct{ namespace, name string }
	rapid.Check(t, func(t *rapid.T) {
		var claims []wanted
		seen := map[id]bool{}
		for range rapid.IntRange(0, 8).Draw(t, "claims") {
			c := wanted{namespace: rapid.SampledFrom([]string{"shop", "lab"}).Draw(t, "namespace"), key: base.Draw(t, "base")}
			c.wants = []string{c.key, c.key + "-hosts"}
			if i := (id{c.namespace, c.key}); !seen[i] {
				claims, seen[i] = append(claims, c), true
			}
		}
		others := map[id]bool{}
		for range rapid.IntRange(0, 4).Draw(t, "foreign") {
			others[id{"shop", ObjectName(base.Draw(t, "foreign"))}] = true
		}
		services := map[id]bool{}
		for range rapid.IntRange(0, 4).Draw(t, "services") {
			services[id{"shop", rapid.SampledFrom([]string{"foo", "foo-hosts", "foo-hosts-hosts"}).Draw(t, "service")}] = true
		}
		reserved := func(namespace, name string) bool {
			return services[id{namespace, strings.TrimSuffix(name, ObjectSuffix)}]
		}
		foreign := func(namespace, name string) bool { return others[id{namespace, name}] }
		names := uniqueNames(claims, reserved, foreign)
		byClaim, taken := map[id]string{}, map[id]bool{}
		for i, c := range claims {
			if taken[id{c.namespace, names[i]}] || reserved(c.namespace, names[i]) {
				t.Fatalf("%s is given twice, or is a Service's: %v", names[i], claims)
			}
			taken[id{c.namespace, names[i]}] = true
			if foreign(c.namespace, names[i]) && names[i] != ObjectName(c.wants[0]) {
				t.Fatalf("%s is somebody else's", names[i])
			}
			if problems := valid.Metadata(&metav1.ObjectMeta{Name: names[i], Namespace: "x"}); len(problems) > 0 {
				t.Fatalf("%s: %v", names[i], problems)
			}
			byClaim[id{c.namespace, c.key}] = names[i]
		}
		shuffled := rapid.Permutation(claims).Draw(t, "shuffled")
		for i, name := range uniqueNames(shuffled, reserved, foreign) {
			c := shuffled[i]
			if want := byClaim[id{c.namespace, c.key}]; name != want {
				t.Fatalf("in another order %s is %s", want, name)
			}
		}
	})
}
