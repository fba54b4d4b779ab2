package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const sourceURL = "https://github.com/overrides-mesh/overrides"

// built is the result of a build.
type built struct {
	images []platformImage
	index  v1.ImageIndex
}

// platformImage is the image for one platform.
type platformImage struct {
	platform   v1.Platform
	image      v1.Image
	binarySize int
}

// file is a file of the image.
type file struct {
	path    string
	mode    int64
	content []byte
}

// build builds the image for every platform, and their index.
func build(ctx context.Context, o *options) (*built, error) {
	files, err := baseFiles()
	if err != nil {
		return nil, err
	}
	base, err := layer(files, o.created)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "overrides-image-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(folder)
	out := &built{index: mutate.IndexMediaType(empty.Index, types.OCIImageIndex)}
	for _, platform := range o.platforms {
		program, err := o.compile(ctx, o, platform, folder)
		if err != nil {
			return nil, err
		}
		top, err := layer([]file{{path: programAt, mode: 0o755, content: program}}, o.created)
		if err != nil {
			return nil, err
		}
		image, err := assemble(o, platform, base, top)
		if err != nil {
			return nil, fmt.Errorf("make the image for %s: %w", platform.String(), err)
		}
		out.images = append(out.images, platformImage{platform: platform, image: image, binarySize: len(program)})
		out.index = mutate.AppendManifests(out.index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	annotated, ok := mutate.Annotations(out.index, o.labels()).(v1.ImageIndex)
	if !ok {
		return nil, fmt.Errorf("annotate the index: got a %T", annotated)
	}
	out.index = annotated
	return out, nil
}

// labels describe an image and its source.
func (o *options) labels() map[string]string {
	out := map[string]string{
		"org.opencontainers.image.title":         "overrides",
		"org.opencontainers.image.description":   "Test one new version of one service among the real others, by a request header",
		"org.opencontainers.image.source":        sourceURL,
		"org.opencontainers.image.documentation": sourceURL + "/blob/main/docs/install.md",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.version":       o.version,
		"org.opencontainers.image.created":       o.created.Format(time.RFC3339),
	}
	if o.revision != "" {
		out["org.opencontainers.image.revision"] = o.revision
	}
	return out
}

// assemble makes an image from layers.
func assemble(o *options, platform v1.Platform, layers ...v1.Layer) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant,
		Created: v1.Time{Time: o.created}, RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User: user, WorkingDir: "/", Entrypoint: []string{"/" + programAt}, Labels: o.labels(),
			Env: []string{"PATH=/" + path.Dir(programAt)},
		},
	})
	if err != nil {
		return nil, err
	}
	for i, l := range layers {
		by := []string{"users and certificate authorities", "go build"}[min(i, 1)]
		image, err = mutate.Append(image, mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: o.created}, CreatedBy: by}})
		if err != nil {
			return nil, err
		}
	}
	annotated, ok := mutate.Annotations(image, o.labels()).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("annotate: got a %T", annotated)
	}
	return annotated, nil
}

// layer packs files, which are sorted, and their folders. All belong to root and are
// read-only.
func layer(files []file, modified time.Time) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{".": true}
	for _, f := range files {
		for _, folder := range parents(f.path) {
			if made[folder] {
				continue
			}
			made[folder] = true
			header := &tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: modified, Format: tar.FormatPAX}
			if err := w.WriteHeader(header); err != nil {
				return nil, fmt.Errorf("pack %s: %w", folder, err)
			}
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: f.path, Mode: f.mode, Size: int64(len(f.content)), ModTime: modified, Format: tar.FormatPAX}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.path, err)
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// parents lists the folders above a path, the outermost first.
func parents(p string) []string {
	if folder := path.Dir(p); folder != "." {
		return append(parents(folder), folder)
	}
	return nil
}
