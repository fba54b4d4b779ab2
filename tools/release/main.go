package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	dist := flag.String("dist", "dist", "folder that goreleaser wrote to")
	charts := flag.String("chart", "bin/chart", "folder of the packaged chart")
	platforms := flag.String("platforms", strings.Join(allPlatforms(), ","), "platforms that there must be a binary for")
	flag.Parse()
	if err := run(os.Stdout, *dist, *charts, strings.Split(*platforms, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// allPlatforms lists the platforms of a release.
func allPlatforms() []string {
	return []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
}

// release is the output of goreleaser.
type release struct {
	dist, charts string
	platforms    []string
	// version is the version of the release, without a v.
	version string
	// sums are checksums, by file name.
	sums map[string]string
}

// run checks a release and writes a line for each check.
func run(out io.Writer, dist, charts string, platforms []string) error {
	r := &release{dist: dist, charts: charts, platforms: platforms}
	if err := r.read(); err != nil {
		return err
	}
	var failed []error
	for _, check := range []struct {
		name string
		run  func() (string, error)
	}{
		{"checksums", r.checkSums},
		{"archives", r.checkArchives},
		{"lists of modules", r.checkSBOMs},
		{"krew's manifest", r.checkKrew},
		{"Homebrew's cask", r.checkCask},
		{"chart", r.checkChart},
	} {
		detail, err := check.run()
		if err != nil {
			failed = append(failed, fmt.Errorf("check %s: %w", check.name, err))
			continue
		}
		fmt.Fprintf(out, "%-17s %s\n", check.name, detail)
	}
	return errors.Join(failed...)
}

func (r *release) read() error {
	var metadata struct{ Version string }
	content, err := os.ReadFile(filepath.Join(r.dist, "metadata.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, &metadata); err != nil {
		return fmt.Errorf("decode metadata.json: %w", err)
	}
	if r.version = metadata.Version; r.version == "" {
		return errors.New("metadata.json has no version")
	}
	list, err := os.Open(filepath.Join(r.dist, "checksums.txt"))
	if err != nil {
		return err
	}
	defer list.Close()
	r.sums = map[string]string{}
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok {
			return fmt.Errorf("checksums.txt has the line %q", lines.Text())
		}
		r.sums[name] = sum
	}
	return lines.Err()
}

// checkSums computes the checksum of every file that has one.
func (r *release) checkSums() (string, error) {
	for name, want := range r.sums {
		content, err := os.ReadFile(filepath.Join(r.dist, name))
		if errors.Is(err, os.ErrNotExist) {
			content, err = os.ReadFile(filepath.Join(r.charts, name))
		}
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); got != want {
			return "", fmt.Errorf("%s has the checksum %s, and is listed with %s", name, got, want)
		}
	}
	var missing []string
	for _, platform := range r.platforms {
		if name := r.archive(platform); r.sums[name] == "" {
			missing = append(missing, name)
		}
		if name := r.sbom(platform); r.sums[name] == "" {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		return "", fmt.Errorf("checksums.txt lacks %s", strings.Join(missing, ", "))
	}
	return fmt.Sprintf("%d files", len(r.sums)), nil
}
