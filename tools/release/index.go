package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// plugin has the fields of krew's manifest.
type plugin struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Version, ShortDescription string
		Platforms                 []struct {
			Selector struct {
				MatchLabels struct{ OS, Arch string } `yaml:"matchLabels"`
			}
			URI, SHA256, Bin string
		}
	}
}

// checkKrew compares krew's manifest with the archives.
func (r *release) checkKrew() (string, error) {
	content, err := r.readOne("krew", "overrides.yaml")
	if err != nil {
		return "", err
	}
	var p plugin
	if err := yaml.Unmarshal(content, &p); err != nil {
		return "", err
	}
	if p.Kind != "Plugin" || p.Metadata.Name != "overrides" || p.Spec.Version != "v"+r.version {
		return "", fmt.Errorf("it is %s %s %s", p.Kind, p.Metadata.Name, p.Spec.Version)
	}
	var got []string
	for _, one := range p.Spec.Platforms {
		platform := one.Selector.MatchLabels.OS + "/" + one.Selector.MatchLabels.Arch
		got = append(got, platform)
		name := r.archive(platform)
		if path.Base(one.URI) != name || one.SHA256 != r.sums[name] || one.Bin != program(platform) {
			return "", fmt.Errorf("%s: %s with %s and the program %s", platform, one.URI, one.SHA256, one.Bin)
		}
	}
	return strings.Join(got, " "), equal(got, r.platforms)
}

// checkCask compares Homebrew's cask with the archives.
func (r *release) checkCask() (string, error) {
	content, err := r.readOne("homebrew", "overrides.rb")
	if err != nil {
		return "", err
	}
	cask := string(content)
	if !strings.Contains(cask, `version "`+r.version+`"`) {
		return "", errors.New("it is of another version")
	}
	var got, want []string
	for _, platform := range r.platforms {
		if strings.HasPrefix(platform, "windows/") {
			continue
		}
		want = append(want, platform)
		if strings.Contains(cask, `sha256 "`+r.sums[r.archive(platform)]+`"`) {
			got = append(got, platform)
		}
	}
	return strings.Join(got, " "), equal(got, want)
}

// readOne reads the file with a name anywhere in a folder.
func (r *release) readOne(folder, name string) ([]byte, error) {
	for _, pattern := range []string{name, "*/" + name, "*/*/" + name} {
		if found, err := filepath.Glob(filepath.Join(r.dist, folder, pattern)); err == nil && len(found) == 1 {
			return os.ReadFile(found[0])
		}
	}
	return nil, fmt.Errorf("there is no %s in %s", name, filepath.Join(r.dist, folder))
}

// equal returns an error if two lists of platforms differ.
func equal(got, want []string) error {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		return fmt.Errorf("it has %v, want %v", got, want)
	}
	return nil
}
