package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	t.Parallel()
	const page = "# A\n\n<!-- measured: x -->\n\nold\n\n<!-- end -->\n\ntext\n\n<!-- measured: y -->\nkept\n<!-- end -->\n"
	got, err := replace(page, func(name string) (string, error) {
		if name == "x" {
			return "new", nil
		}
		return "", nil
	})
	const want = "# A\n\n<!-- measured: x -->\n\nnew\n\n<!-- end -->\n\ntext\n\n<!-- measured: y -->\n\nkept\n\n<!-- end -->\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	again, err := replace(got, func(string) (string, error) { return "", nil })
	if err != nil || again != got {
		t.Errorf("a page without new results changes: %q, %v", again, err)
	}
	for _, broken := range []string{"<!-- measured: x -->\n", "<!-- measured: x -->\n<!-- measured: y -->\n<!-- end -->\n", "<!-- measured: x"} {
		if _, err := replace(broken, func(string) (string, error) { return "", nil }); err == nil {
			t.Errorf("no error for %q", broken)
		}
	}
	failure := errors.New("x")
	if _, err := replace(page, func(string) (string, error) { return "", failure }); !errors.Is(err, failure) {
		t.Errorf("got error %v", err)
	}
}

// TestUpdate writes a page from results of both sorts.
func TestUpdate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.run": "Measured then.\n",
		"go.txt": "goos: linux\npkg: x\nBenchmarkStartup/version-2 \t 10\t 5200000 ns/op\t 41200000 binary-B\t 20 peak-MiB\n" +
			"BenchmarkStartup/version-2 \t 10\t 5600000 ns/op\t 41200000 binary-B\nBenchmarkStartup/version-2 \t 10\t 9900000 ns/op\t 41200000 binary-B\n" +
			"BenchmarkStartup/chain-2 \t 10\t 13000000 ns/op\nPASS\n",
		"cost.run": "Measured here.\n",
		"cost.txt": "starting\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nMedians.\n",
		"page.md":  "<!-- measured: command -->\n<!-- end -->\n<!-- measured: cost -->\nold\n<!-- end -->\n<!-- measured: proof -->\n\nkept\n\n<!-- end -->\n<!-- measured: times -->\n\nkept too\n\n<!-- end -->\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := update(filepath.Join(dir, "page.md"), dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "page.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := `<!-- measured: command -->

Measured then.

| what | measured | aim |
| --- | --- | --- |
| ` + "`overrides version`" + `, from start to end | 5.6 ms | under 30 ms |
| ` + "`overrides generate -f examples/chain`" + ` | 13 ms |  |
| size of the binary, stripped | 41 MB | ≤ 30 MB |

<!-- end -->
<!-- measured: cost -->

Measured here.

| a | b |
|---|---|
| 1 | 2 |

Medians.

<!-- end -->
<!-- measured: proof -->

kept

<!-- end -->
<!-- measured: times -->

kept too

<!-- end -->
`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
}

// TestPage: every block of the page has results that this program or a target of make can give.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	_, err = replace(string(page), func(name string) (string, error) {
		if seen[name] = true; blocks[name] == nil && !strings.Contains(string(makefile), "$(call measured,"+name+")") {
			t.Errorf("nothing measures %q", name)
		}
		return "", nil
	})
	if err != nil {
		t.Error(err)
	}
	for name := range blocks {
		if !seen[name] {
			t.Errorf("the page has no block %q", name)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"1.5 s": duration(1.52), "12 s": duration(12.4), "1,520 s": duration(1520), "350 µs": duration(0.00035), "35 µs": duration(35.2e-6), "402 ns": duration(402e-9),
		"0.5": short(0.5), "41": short(41.2), "155,385": count(155385), "0": count(0), "1,550,640": count(1550640), "100": count(100),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
