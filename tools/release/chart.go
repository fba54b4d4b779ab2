package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// checkChart compares the versions of the packaged chart with the release's.
func (r *release) checkChart() (string, error) {
	name := "overrides-" + r.version + ".tgz"
	if r.sums[name] == "" {
		return "", fmt.Errorf("checksums.txt lacks %s", name)
	}
	content, err := os.ReadFile(filepath.Join(r.charts, name))
	if err != nil {
		return "", err
	}
	files, err := untar(content)
	if err != nil {
		return "", err
	}
	var chart struct {
		Name, Version string
		AppVersion    string `yaml:"appVersion"`
	}
	if err := yaml.Unmarshal(files["overrides/Chart.yaml"], &chart); err != nil {
		return "", err
	}
	if chart.Name != "overrides" || chart.Version != r.version || chart.AppVersion != "v"+r.version {
		return "", fmt.Errorf("it is %s %s of the program %s", chart.Name, chart.Version, chart.AppVersion)
	}
	return name, nil
}
