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
var shared struct {
	mu     sync.Mutex
	labels map[string]weak.Pointer[discover.Labels]
}

// share gives an object that nobody has seen yet labels that others have too.
func share(object discover.Object) discover.Object {
	switch x := object.(type) {
	case *discover.Pod:
		x.Labels = sharedLabels(x.Labels)
	case *discover.Workload:
		x.Template = sharedLabels(x.Template)
	case *discover.Unread:
		for i := range x.Templates {
			x.Templates[i] = sharedLabels(x.Templates[i])
		}
	}
	return object
}

func sharedLabels(of *discover.Labels) *discover.Labels {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	return shareLabels(of)
}

// shareLabels is sharedLabels for who has the lock.
func shareLabels(of *discover.Labels) *discover.Labels {
	text := of.Text()
	if same := shared.labels[text].Value(); same != nil {
		return same
	}
	if shared.labels == nil {
		shared.labels = map[string]weak.Pointer[discover.Labels]{}
	}
	of.KeepAs(shareLabels)
	shared.labels[text] = weak.Make(of)
	runtime.AddCleanup(of, forgetLabels, text)
	return of
}

// forgetLabels drops what nobody has any more, unless somebody has the like again.
func forgetLabels(text string) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.labels[text].Value() == nil {
		delete(shared.labels, text)
	}
}
