package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/action"
)

// Package writes the chart of a repository as an archive into a folder, as `helm package`
// does, and returns its path. version is a release's version, with or without a v: the
// chart and the program in it have the same.
func Package(repository, version, folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("package chart: %w", err)
	}
	version = strings.TrimPrefix(version, "v")
	p := action.NewPackage()
	p.Version, p.AppVersion, p.Destination = version, "v"+version, folder
	path, err := p.Run(filepath.Join(repository, Folder), nil)
	if err != nil {
		return "", fmt.Errorf("package chart %s: %w", version, err)
	}
	return path, nil
}
