package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sbom returns the name of the list of modules for a platform.
func (r *release) sbom(platform string) string {
	return "overrides_" + r.version + "_" + strings.ReplaceAll(platform, "/", "_") + ".cdx.json"
}

// component is a part of a program, in CycloneDX.
type component struct{ Name, Version string }

// checkSBOMs compares each list of modules with its program.
func (r *release) checkSBOMs() (string, error) {
	modules := 0
	for _, platform := range r.platforms {
		content, err := os.ReadFile(filepath.Join(r.dist, r.sbom(platform)))
		if err != nil {
			return "", err
		}
		var list struct {
			BOMFormat  string
			Metadata   struct{ Component component }
			Components []component
		}
		if err := json.Unmarshal(content, &list); err != nil {
			return "", fmt.Errorf("decode %s: %w", r.sbom(platform), err)
		}
		if want := (component{modulePath, "v" + r.version}); list.BOMFormat != "CycloneDX" || list.Metadata.Component != want {
			return "", fmt.Errorf("%s is %s of %v, want CycloneDX of %v", r.sbom(platform), list.BOMFormat, list.Metadata.Component, want)
		}
		listed := map[component]bool{}
		for _, c := range list.Components {
			listed[c] = true
		}
		files, err := r.unpack(platform)
		if err != nil {
			return "", err
		}
		info, err := buildinfo.Read(bytes.NewReader(files[program(platform)]))
		if err != nil {
			return "", err
		}
		for _, m := range info.Deps {
			if !listed[component{m.Path, m.Version}] {
				return "", fmt.Errorf("%s lacks %s %s", r.sbom(platform), m.Path, m.Version)
			}
		}
		modules = max(modules, len(info.Deps))
	}
	return fmt.Sprintf("all of up to %d modules are listed", modules), nil
}
