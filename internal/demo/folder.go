package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/source"
)

// errChanging means that a folder changed while it was read.
var errChanging = errors.New("the folder changed while it was read")

// Folder reads the manifests of a folder, recursively.
func Folder(ctx context.Context, dir string, options model.Options) (*State, error) {
	s, _, err := readFolder(ctx, dir, options)
	return s, err
}

// readFolder returns the state of a folder and its manifests.
func readFolder(ctx context.Context, dir string, options model.Options) (*State, []byte, error) {
	manifests := gather(dir)
	s, err := read(ctx, []string{dir}, manifests, options)
	if err != nil {
		return nil, manifests, err
	}
	// read has read the files again.
	if !bytes.Equal(manifests, gather(dir)) {
		err = errChanging
	}
	return s, manifests, err
}

// gather joins the files that package source would read from a folder. A file that can't
// be read is replaced by a comment: package source reports it, and the text changes once
// the file can be read.
func gather(dir string) []byte {
	var out []byte
	for _, file := range source.Files(dir) {
		data, err := os.ReadFile(file)
		if err != nil {
			data = fmt.Appendf(nil, "# %q can't be read", file)
		}
		out = appendDocuments(out, data)
	}
	return out
}

// watcher notices when a folder has changed and stopped changing. It compares the content
// of files, not their times, as editors and Git change these in many ways.
type watcher struct {
	dir string
	// taken is the content last used; seen is the content at the last look.
	taken, seen []byte
}

// look reports whether the folder differs from taken and has not changed since the last
// look.
func (w *watcher) look() bool {
	now := gather(w.dir)
	calm := bytes.Equal(now, w.seen)
	w.seen = now
	return calm && !bytes.Equal(now, w.taken)
}
