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
)

// ErrUsage is matched by errors about paths that make no sense: they don't
// exist, are URLs, or are none at all.
var ErrUsage = errors.New("no such input")

type usageError string

func (e usageError) Error() string        { return string(e) }
func (e usageError) Is(target error) bool { return target == ErrUsage }

// input is one thing to read from.
type input struct {
	// name is how diagnostics call it.
	name string
	open func() (io.ReadCloser, error)
}

// expand lists the files at paths. Errors that don't keep the other files from
// being read are returned as a list.
func expand(paths []string, stdin io.Reader) (inputs []input, unreadable []error, err error) {
	if len(paths) == 0 {
		return nil, nil, usageError("no file, directory or - was given")
	}
	for i, path := range paths {
		switch {
		case path == "-" && slices.Contains(paths[:i], "-"):
			return nil, nil, usageError("standard input can be read only once")
		case path == "-":
			inputs = append(inputs, input{name: "stdin", open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }})
			continue
		case strings.HasPrefix(path, "http://"), strings.HasPrefix(path, "https://"):
			return nil, nil, usageError(fmt.Sprintf("%s: URLs are not read; fetch it first and give -f -", path))
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, usageError(path + ": no such file or directory")
		case err != nil:
			unreadable = append(unreadable, fmt.Errorf("find manifests: %w", err))
		case info.IsDir():
			files, errs := walk(path)
			inputs = append(inputs, files...)
			unreadable = append(unreadable, errs...)
		default:
			inputs = append(inputs, file(path))
		}
	}
	return inputs, unreadable, nil
}

func file(path string) input {
	return input{name: path, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// walk lists the manifests below a directory, sorted, as kubectl apply -R does:
// by their extension, and following symbolic links to files but not to
// directories, so that there are no cycles.
//
// Other than there, names that begin with a dot are passed over (the likes of
// .github hold YAML of other programs, and ..data of a mounted ConfigMap holds
// everything once more), and so is a kustomization, which is no object.
func walk(root string) (files []input, errs []error) {
	// With the separator a root that is a link is followed.
	err := filepath.WalkDir(root+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("find manifests: %w", err))
			return nil
		case filepath.Clean(path) == filepath.Clean(root):
			return nil
		case strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !isManifest(entry.Name()):
			return nil
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("find manifests: %w", err))
		case info.Mode().IsRegular():
			files = append(files, file(filepath.Clean(path)))
		}
		return nil
	})
	if err != nil {
		errs = append(errs, fmt.Errorf("find manifests: %w", err))
	}
	return files, errs
}

// Files lists the files that Read reads of a directory.
func Files(dir string) ([]string, error) {
	inputs, errs := walk(dir)
	files := make([]string, 0, len(inputs))
	for _, in := range inputs {
		files = append(files, in.name)
	}
	return files, errors.Join(errs...)
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
