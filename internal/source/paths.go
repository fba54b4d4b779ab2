package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// ErrUsage is matched by errors about paths that make no sense: they don't
// exist, are URLs, or are none at all.
var ErrUsage = errors.New("no such input")

type usageError string

func (e usageError) Error() string        { return string(e) }
func (e usageError) Is(target error) bool { return target == ErrUsage }

// stdinName is how diagnostics call standard input.
const stdinName = "stdin"

// input is one thing to read from.
type input struct {
	// name is how diagnostics call it.
	name string
	open func() (io.ReadCloser, error)
}

// expand lists the files at paths. Objects without a namespace are taken to be in
// namespace. Files that can't be read, or that are to be built first, are said, and the
// others are listed.
func expand(paths []string, stdin io.Reader, namespace string) (inputs []input, diags []diag.Diagnostic, err error) {
	if len(paths) == 0 {
		return nil, nil, usageError("no file, directory or - was given")
	}
	for i, path := range paths {
		switch {
		case path == "-" && slices.Contains(paths[:i], "-"):
			return nil, nil, usageError("standard input can be read only once")
		case path == "-":
			inputs = append(inputs, input{name: stdinName, open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }})
			continue
		case strings.HasPrefix(path, "http://"), strings.HasPrefix(path, "https://"):
			return nil, nil, usageError(fmt.Sprintf("%s: URLs are not read; fetch it first and give -f -", path))
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, usageError(path + ": no such file or directory")
		case err != nil:
			diags = append(diags, unreadable(path, err))
		case info.IsDir():
			files, found := walk(path, namespace)
			inputs, diags = append(inputs, files...), append(diags, found...)
		case isKustomization(filepath.Base(path)):
			diags = append(diags, notBuilt(path))
		case filepath.Base(path) == chartFile && isChart(filepath.Dir(path)):
			diags = append(diags, notRendered(filepath.Dir(path)))
		default:
			inputs = append(inputs, file(path))
		}
	}
	return once(inputs), diags, nil
}

// once leaves of several inputs of one file the last, which is the one that would count.
func once(inputs []input) []input {
	seen := map[string]bool{}
	out := make([]input, 0, len(inputs))
	for _, in := range slices.Backward(inputs) {
		key, err := filepath.Abs(in.name)
		if err != nil {
			key = in.name
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, in)
		}
	}
	slices.Reverse(out)
	return out
}

func file(path string) input {
	return input{name: path, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// unreadable says that a file, or a directory, can't be read.
func unreadable(name string, err error) diag.Diagnostic {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	message := "can't be read: " + err.Error()
	if to, notLink := os.Readlink(name); notLink == nil && errors.Is(err, fs.ErrNotExist) {
		message = fmt.Sprintf("it is a link to %s, which does not exist", to)
	}
	return diag.New(diag.UnreadableFile, diag.Object{}, "%s", message).At(diag.Origin{File: name})
}

// walk lists the manifests below a directory, sorted, as kubectl apply -R does:
// by their extension, and following symbolic links to files but not to
// directories, so that there are no cycles.
//
// Other than there, names that begin with a dot are passed over (the likes of
// .github hold YAML of other programs, and ..data of a mounted ConfigMap holds
// everything once more), and so is a kustomization, which is no object, and a chart of
// Helm's, whose templates are none yet.
func walk(root, namespace string) ([]input, []diag.Diagnostic) {
	w := &walker{root: filepath.Clean(root), namespace: namespace}
	// With the separator a root that is a link is followed.
	if err := filepath.WalkDir(root+string(filepath.Separator), w.visit); err != nil {
		w.diags = append(w.diags, unreadable(w.root, err))
	}
	return w.files, append(w.diags, w.sayKustomizations()...)
}

// walker collects the manifests below a directory.
type walker struct {
	root, namespace string
	files           []input
	diags           []diag.Diagnostic
	// changing are the kustomizations that change what they take.
	changing []kustomization
}

func (w *walker) visit(path string, entry fs.DirEntry, err error) error {
	path = filepath.Clean(path)
	isRoot := path == w.root
	switch {
	case err != nil:
		w.diags = append(w.diags, unreadable(path, err))
		return nil
	case !isRoot && strings.HasPrefix(entry.Name(), "."):
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	case entry.IsDir() && isChart(path):
		w.diags = append(w.diags, notRendered(path))
		return fs.SkipDir
	case isRoot, entry.IsDir():
		return nil
	case isKustomization(entry.Name()):
		w.addKustomization(path)
		return nil
	case !isManifest(entry.Name()):
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		w.diags = append(w.diags, unreadable(path, err))
	case info.Mode().IsRegular():
		w.files = append(w.files, file(path))
	}
	return nil
}

// Files lists the files that Read reads of a directory.
func Files(dir string) []string {
	inputs, _ := walk(dir, "")
	files := make([]string, 0, len(inputs))
	for _, in := range inputs {
		files = append(files, in.name)
	}
	return files
}

func isManifest(name string) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return strings.TrimSuffix(name, filepath.Ext(name)) != "kustomization"
	}
	return false
}

// nothingIn says that there is no document at paths.
func (r *reader) nothingIn(paths []string) string {
	if len(r.inputs) == 0 {
		return "no .yaml, .yml or .json file in " + strings.Join(paths, ", ")
	}
	names := make([]string, 0, len(r.inputs))
	for _, in := range r.inputs {
		names = append(names, in.name)
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("%d other files", len(names)-3))
	}
	return "no object in " + strings.Join(names, ", ")
}
