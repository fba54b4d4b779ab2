package internal_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var term = regexp.MustCompile(`\*\*([^*]+)\*\*`)

// TestGlossary: every term of the glossary is explained once and used elsewhere, in the
// documentation or in comments, and every name of the code in it exists.
func TestGlossary(t *testing.T) {
	t.Parallel()
	all := pages(t)
	const glossary = "docs/glossary.md"
	texts := goText(t)
	for page, content := range all {
		if page != glossary {
			texts += strings.ToLower(content)
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(all[glossary]) {
		if !strings.HasPrefix(line, "| **") {
			continue
		}
		first, meaning, _ := strings.Cut(strings.TrimPrefix(line, "| "), "|")
		if strings.TrimSpace(strings.Trim(meaning, "|\n ")) == "" {
			t.Errorf("%s has no meaning", first)
		}
		for _, match := range term.FindAllStringSubmatch(first, -1) {
			word, _, _ := strings.Cut(match[1], " (")
			if seen[word] {
				t.Errorf("%s has two rows", word)
			}
			seen[word] = true
			if !strings.Contains(texts, strings.ToLower(word)) {
				t.Errorf("nothing uses the term %s", word)
			}
			if isName(word) && !regexp.MustCompile(`\b`+strings.ToLower(word)+`\b`).MatchString(texts) {
				t.Errorf("there is no name %s in the code", word)
			}
		}
	}
	if len(seen) < 30 {
		t.Errorf("the glossary has only %d terms", len(seen))
	}
}

// isName reports whether a word is a name of the code, such as PendingCluster.
func isName(word string) bool {
	return !strings.Contains(word, " ") && unicode.IsUpper(rune(word[0])) && strings.IndexFunc(word[1:], unicode.IsUpper) >= 0
}

// goText returns the Go files of the program in lower case, without tests.
func goText(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root+"/internal", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		b.WriteString(strings.ToLower(string(content)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
