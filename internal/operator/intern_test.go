package operator

import (
	"runtime"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// TestInternLabels: there is one copy of equal labels, and none once no object uses it.
func TestInternLabels(t *testing.T) {
	t.Parallel()
	pod := func(version string) *discover.Pod {
		out := &discover.Pod{Labels: discover.LabelsOf(map[string]string{"test": t.Name(), "version": version})}
		intern(out)
		return out
	}
	one, same, other := pod("v1"), pod("v1"), pod("v2")
	if one.Labels != same.Labels || one.Labels == other.Labels || other.Labels.All["version"] != "v2" {
		t.Errorf("shared: %p, %p, %p", one.Labels, same.Labels, other.Labels)
	}
	text := other.Labels.Text()
	runtime.KeepAlive(other) // and no longer
	deadline := time.Now().Add(30 * time.Second)
	for isInterned(text) {
		if time.Now().After(deadline) {
			t.Fatal("v2 is still interned, though no object uses it")
		}
		runtime.GC()
		runtime.Gosched()
	}
	if again := pod("v1"); again.Labels != one.Labels {
		t.Error("v1 was dropped, though a pod uses it")
	}
	runtime.KeepAlive(one)
}

func isInterned(text string) bool {
	interned.mu.Lock()
	defer interned.mu.Unlock()
	_, there := interned.labels[text]
	return there
}
