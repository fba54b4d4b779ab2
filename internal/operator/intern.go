package operator

import (
	"runtime"
	"sync"
	"weak"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// interned holds one copy of each label set while an object uses it: the pods of a revision
// have equal labels, which would otherwise take most of the memory. Like package unique,
// this global state cannot affect results.
var interned struct {
	mu     sync.Mutex
	labels map[string]weak.Pointer[discover.Labels]
}

// intern replaces the labels of an object by interned ones. No other goroutine may have the
// object yet.
func intern(object discover.Object) discover.Object {
	switch x := object.(type) {
	case *discover.Pod:
		x.Labels = internLabels(x.Labels)
	case *discover.Workload:
		x.Template = internLabels(x.Template)
	case *discover.Unread:
		for i := range x.Templates {
			x.Templates[i] = internLabels(x.Templates[i])
		}
	}
	return object
}

func internLabels(of *discover.Labels) *discover.Labels {
	interned.mu.Lock()
	defer interned.mu.Unlock()
	return internLocked(of)
}

// internLocked is internLabels for callers that hold interned.mu.
func internLocked(of *discover.Labels) *discover.Labels {
	text := of.Text()
	if same := interned.labels[text].Value(); same != nil {
		return same
	}
	if interned.labels == nil {
		interned.labels = map[string]weak.Pointer[discover.Labels]{}
	}
	of.KeepAs(internLocked)
	interned.labels[text] = weak.Make(of)
	runtime.AddCleanup(of, dropLabels, text)
	return of
}

// dropLabels drops a label set that no object uses, unless an equal one was interned since.
func dropLabels(text string) {
	interned.mu.Lock()
	defer interned.mu.Unlock()
	if interned.labels[text].Value() == nil {
		delete(interned.labels, text)
	}
}
