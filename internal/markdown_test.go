package internal_test

import (
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// pages returns all texts for people, by their paths in the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, folder := range append(folders(t), ".github") {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out[path.Join(folder, filepath.Base(file))] = string(content)
		}
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	code    = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]*`")
)

// TestLinks: every link from one text to another file leads to something, and every
// one to a part of a text to a heading.
func TestLinks(t *testing.T) {
	t.Parallel()
	all := pages(t)
	links := 0
	for page, content := range all {
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(content, ""), -1) {
			target, err := url.Parse(match[1])
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if target.Scheme != "" {
				continue
			}
			links++
			to := page
			if target.Path != "" {
				to = path.Join(path.Dir(page), target.Path)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, match[1])
			} else if target.Fragment != "" && strings.HasSuffix(to, ".md") && !anchors(all[to])[target.Fragment] {
				t.Errorf("%s links to %s, which is no heading", page, match[1])
			}
		}
	}
	if links < 50 {
		t.Errorf("%d links", links)
	}
}

// anchors returns the names that GitHub gives to the headings of a text.
func anchors(content string) map[string]bool {
	out := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(content, -1) {
		out[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(match[1]))] = true
	}
	return out
}

var (
	released    = regexp.MustCompile(`(?m)^## \[\d`)
	unpublished = regexp.MustCompile(`krew install|brew install|oci://|releases/(latest|download)|cmd/overrides@(v|latest)|helm repo add|pkg/override@v`)
)

// TestNothingUnpublished: as long as the changelog has no release, no text tells to get
// one, and afterwards none says that there is none.
func TestNothingUnpublished(t *testing.T) {
	t.Parallel()
	all := pages(t)
	forbidden := unpublished
	if released.MatchString(all["CHANGELOG.md"]) {
		forbidden = regexp.MustCompile(`(?i)there is no release yet`)
	}
	for page, content := range all {
		if found := forbidden.FindString(content); found != "" {
			t.Errorf("%s says %q", page, found)
		}
	}
}

// TestReleaseNotes: the notes of a release are what the changelog says of its version.
func TestReleaseNotes(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	changelog := filepath.Join(t.TempDir(), "CHANGELOG.md")
	text := "# Changelog\n\n## [Unreleased]\n\n- c\n\n## [1.1.0] - 2026-12-01\n\n### Added\n\n- b\n\n## [1.0.0] - 2026-11-30\n\n- a\n\n[1.1.0]: https://example.com\n"
	if err := os.WriteFile(changelog, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"v1.1.0": "### Added\n\n- b", "1.0.0": "- a", "v1.0": ""} {
		output, err := exec.CommandContext(t.Context(), root+"/tools/release/notes", version, changelog).Output()
		if got := strings.TrimSpace(string(output)); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
	}
}
