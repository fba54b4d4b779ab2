package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPictures compares the pictures of the documentation with newly drawn ones: it fails
// if a number has changed in a table, but not in its plot.
func TestPictures(t *testing.T) {
	t.Parallel()
	docs := filepath.Join("..", "..", "docs")
	pictures, err := draw(docs)
	if err != nil {
		t.Fatal(err)
	}
	for name, picture := range pictures {
		kept, err := os.ReadFile(filepath.Join(docs, "images", name+".svg"))
		if err != nil {
			t.Error(err)
			continue
		}
		if string(kept) != picture {
			t.Errorf("docs/images/%s.svg is not what is drawn now: run make pictures", name)
		}
		if err := wellFormed(picture); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	kept, err := filepath.Glob(filepath.Join(docs, "images", "*.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != len(pictures) {
		t.Errorf("docs/images has %d pictures, %d are drawn", len(kept), len(pictures))
	}
}

func wellFormed(picture string) error {
	decoder := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestReadTable(t *testing.T) {
	t.Parallel()
	const page = "# A\n\n## B\n\n| x |\n|---|\n| 1 |\n\ntext\n\n| y | z |\n|---|---:|\n| **1,234** | 5 of 6 (7.5 %) |\n\n## C\n"
	got, err := readTable(page, "## B", "y", "z")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.rows) != 1 || !slices.Equal(got.rows[0], []string{"1,234", "5 of 6 (7.5 %)"}) {
		t.Errorf("rows: %q", got.rows)
	}
	if n, err := number(got.cell(got.rows[0], "y")); err != nil || n != 1234 {
		t.Errorf("number: %v, %v", n, err)
	}
	if n, err := share(got.cell(got.rows[0], "z")); err != nil || n != 7.5 {
		t.Errorf("share: %v, %v", n, err)
	}
	for _, wrong := range []struct{ heading, column string }{{"## C", "y"}, {"## D", "y"}, {"## B", "w"}} {
		if _, err := readTable(page, wrong.heading, wrong.column); err == nil {
			t.Errorf("%v: no error", wrong)
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ most, step, top float64 }{
		{100, 20, 100}, {456.6, 100, 500}, {7, 1, 7}, {0, 1, 1}, {158257, 20000, 160000}, {0.9, 0.2, 1},
	} {
		if step, top := scale(test.most); step != test.step || top < test.most || top > test.top+1e-9 {
			t.Errorf("scale(%v) = %v, %v; want %v, %v", test.most, step, top, test.step, test.top)
		}
	}
}
