package operator

import (
	"runtime"
	"sync"
	"weak"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// shared has one of equal sets of labels, for as long as any object has it: pods
// of a revision have the same, and without it most of the memory would be theirs.
// Like package unique it decides nothing.
var interned struct {
	mu     sync.Mutex
	labels map[string]weak.Pointer[discover.Labels]
}

// share gives an object that nobody has seen yet labels that others have too.
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

// shareLabels is sharedLabels for who has the lock.
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

// forgetLabels drops what nobody has any more, unless somebody has the like again.
func dropLabels(text string) {
	interned.mu.Lock()
	defer interned.mu.Unlock()
	if interned.labels[text].Value() == nil {
		delete(interned.labels, text)
	}
}
