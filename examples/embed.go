// Package examples holds the manifests of this folder for programs that run them.
//
// In: nothing. Out: the files as they are; it reads none of them, and nothing in
// it may differ from what users apply.
package examples

import "embed"

// Chain has the folder chain: the sample chain, one file for each Service, and its
// namespace.
//
//go:embed chain/*.yaml
var Chain embed.FS
