// Package examples holds the manifests of this folder for programs that run them.
//
// In: nothing. Out: the files as they are; it reads none of them, and nothing in
// it may differ from what users apply.
package examples

import (
	"embed"
	"fmt"
	"io/fs"
)

// Chain has the folder chain: the sample chain, one file for each Service, and its
// namespace.
//
//go:embed chain/*.yaml
var Chain embed.FS

// ChainManifest returns the files of Chain, in one.
func ChainManifest() ([]byte, error) {
	files, err := fs.Glob(Chain, "chain/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the example: %w", err)
	}
	var out []byte
	for _, file := range files {
		data, err := Chain.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the example: %w", err)
		}
		out = append(append(out, "---\n"...), data...)
	}
	return out, nil
}
