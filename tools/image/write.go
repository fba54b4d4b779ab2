package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// layoutName is the folder of the OCI layout.
const layoutName = "oci"

// archivePath is the path of the archive for docker load.
func archivePath(o *options, platform v1.Platform) string {
	return filepath.Join(o.output, "overrides-"+platform.OS+"-"+platform.Architecture+platform.Variant+".tar")
}

// write writes an OCI layout of all platforms, and one archive for each. It replaces the
// results of an earlier build.
func write(o *options, b *built) error {
	path := filepath.Join(o.output, layoutName)
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(o.output, 0o755); err != nil {
		return err
	}
	oci, err := layout.Write(path, empty.Index)
	if err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	called := map[string]string{"org.opencontainers.image.ref.name": o.tag.TagStr()}
	if err := oci.AppendIndex(b.index, layout.WithAnnotations(called)); err != nil {
		return fmt.Errorf("write the layout: %w", err)
	}
	for _, i := range b.images {
		if err := tarball.WriteToFile(archivePath(o, i.platform), o.tag, i.image); err != nil {
			return fmt.Errorf("write the archive for %s: %w", i.platform.String(), err)
		}
	}
	return nil
}

// push sends the index and everything in it to its registry.
func push(ctx context.Context, o *options, b *built) error {
	return remote.WriteIndex(o.tag, b.index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}
