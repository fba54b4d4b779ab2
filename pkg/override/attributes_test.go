package override_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/pkg/override"
)

func TestAttributes(t *testing.T) {
	t.Parallel()
	sent := override.Extract(carried().Values)
	attributes := map[string]string{"X-Override": "service-9:v9", "other": "x"}
	sent.AddToMap(attributes)
	want := map[string]string{
		"X-Override": "service-9:v9", "other": "x",
		"baggage": "userId=alice,override.service-3=v2;p=1, b=%20c",
	}
	if d := diff(want, attributes); d != "" {
		t.Errorf("an attribute of the program, in another case: %s", d)
	}

	attributes = map[string]string{}
	sent.AddToMap(attributes)
	if d := diff("service-3:v2,\tservice-5:v2;strict ,, , service-3:v1;from=a", attributes["x-override"]); d != "" {
		t.Error(d)
	}
	received := override.ExtractMap(attributes)
	if d := diff(sent.Requested(), received.Requested()); d != "" {
		t.Errorf("the joined lines mean something else: %s", d)
	}
	if d := diff([]string{"a:v1"}, override.ExtractMap(map[string]string{"X-OVERRIDE": "a:v1", "baggage": "x\n"}).Override()); d != "" {
		t.Error(d)
	}
	if c := override.ExtractMap(map[string]string{"y": "a:v1"}); !c.IsZero() {
		t.Errorf("carriers of other attributes: %v", c)
	}
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	base := []string{"PATH=/bin", "X_OVERRIDE=old:v1", "BAGGAGE=old=1", "X_OVERRIDES=kept"}
	if d := diff([]string{"PATH=/bin", "X_OVERRIDES=kept"}, override.Environ(context.Background(), base)); d != "" {
		t.Errorf("a request without carriers: %s", d)
	}
	ctx := override.NewContext(context.Background(), override.Extract(carried().Values))
	environ := override.Environ(ctx, base)
	want := []string{
		"PATH=/bin", "X_OVERRIDES=kept", "X_OVERRIDE=service-3:v2,\tservice-5:v2;strict ,, , service-3:v1;from=a",
		"BAGGAGE=userId=alice,override.service-3=v2;p=1, b=%20c",
	}
	if d := diff(want, environ); d != "" {
		t.Error(d)
	}
	if d := diff("X_OVERRIDE=old:v1", base[1]); d != "" {
		t.Errorf("base is changed: %s", d)
	}
	if c := override.ExtractEnviron([]string{"X_OVERRIDE=", "x-override=a:v1"}); !c.IsZero() {
		t.Errorf("carriers of an empty variable: %v", c)
	}
}

// TestEnvironOfOthers uses a header of another name, and one that comes along.
func TestEnvironOfOthers(t *testing.T) {
	t.Parallel()
	f, err := override.New(override.HeaderName("x-shop.override"), override.Also("traceparent"))
	if err != nil {
		t.Fatal(err)
	}
	c := f.ExtractMap(map[string]string{"x-shop.override": "a:v1", "traceparent": "00-1", "x-override": "b:v1"})
	environ := f.Environ(override.NewContext(context.Background(), c), nil)
	if d := diff([]string{"X_SHOP_OVERRIDE=a:v1", "TRACEPARENT=00-1"}, environ); d != "" {
		t.Error(d)
	}
	again := f.ExtractEnviron(environ)
	if d := diff([]string{"a:v1"}, again.Override()); d != "" {
		t.Error(d)
	}
	if d := diff(c.Requested(), again.Requested()); d != "" {
		t.Error(d)
	}
}

// TestChild starts a program, which is this test, and reads what it got.
func TestChild(t *testing.T) {
	t.Parallel()
	if os.Getenv("OVERRIDE_TEST_CHILD") != "" {
		for name, line := range all(override.ExtractEnviron(os.Environ())) {
			t.Logf("%s: %s", name, line)
		}
		return
	}
	ctx := override.NewContext(context.Background(), override.ExtractMap(map[string]string{"x-override": "service-3:v2"}))
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestChild$", "-test.v")
	cmd.Env = append(override.Environ(ctx, os.Environ()), "OVERRIDE_TEST_CHILD=1")
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "x-override: service-3:v2") {
		t.Errorf("%v:\n%s", err, output)
	}
}

func all(c override.Carriers) map[string]string {
	out := map[string]string{}
	c.AddToMap(out)
	return out
}
