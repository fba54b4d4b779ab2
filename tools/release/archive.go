package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const modulePath = "github.com/overrides-mesh/overrides"

// archive returns the name of the archive for a platform.
func (r *release) archive(platform string) string {
	ending := ".tar.gz"
	if strings.HasPrefix(platform, "windows/") {
		ending = ".zip"
	}
	return "overrides_" + r.version + "_" + strings.ReplaceAll(platform, "/", "_") + ending
}

func program(platform string) string {
	if strings.HasPrefix(platform, "windows/") {
		return "overrides.exe"
	}
	return "overrides"
}

// checkArchives checks the archive for each platform, and runs the program in this
// machine's.
func (r *release) checkArchives() (string, error) {
	ran := ""
	for _, platform := range r.platforms {
		files, err := r.unpack(platform)
		if err != nil {
			return "", err
		}
		for _, name := range []string{program(platform), "LICENSE", "README.md", "CHANGELOG.md"} {
			if len(files[name]) == 0 {
				return "", fmt.Errorf("%s has no %s", r.archive(platform), name)
			}
		}
		if err := checkBuild(platform, files[program(platform)]); err != nil {
			return "", fmt.Errorf("%s: %w", r.archive(platform), err)
		}
		if platform == runtime.GOOS+"/"+runtime.GOARCH {
			if err := r.checkVersion(files[program(platform)]); err != nil {
				return "", err
			}
			ran = "; that for " + platform + " runs"
		}
	}
	return fmt.Sprintf("%d platforms%s", len(r.platforms), ran), nil
}

// unpack returns the files of an archive.
func (r *release) unpack(platform string) (map[string][]byte, error) {
	name := r.archive(platform)
	content, err := os.ReadFile(filepath.Join(r.dist, name))
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".zip") {
		return unzip(content)
	}
	return untar(content)
}

func untar(content []byte) (map[string][]byte, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for files := tar.NewReader(unpacked); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if out[header.Name], err = io.ReadAll(files); err != nil {
			return nil, err
		}
		if header.Name == "overrides" && header.Mode&0o111 == 0 {
			return nil, errors.New("the program is not executable")
		}
	}
}

func unzip(content []byte) (map[string][]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, file := range archive.File {
		opened, err := file.Open()
		if err != nil {
			return nil, err
		}
		out[file.Name], err = io.ReadAll(opened)
		if err := errors.Join(err, opened.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// checkBuild checks how a program was built.
func checkBuild(platform string, content []byte) error {
	info, err := buildinfo.Read(bytes.NewReader(content))
	if err != nil {
		return err
	}
	if info.Path != modulePath+"/cmd/overrides" {
		return fmt.Errorf("it is the program %s", info.Path)
	}
	system, processor, _ := strings.Cut(platform, "/")
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	for key, want := range map[string]string{
		"GOOS": system, "GOARCH": processor, "CGO_ENABLED": "0", "-trimpath": "true", "-tags": "grpcnotrace",
	} {
		if got := settings[key]; got != want {
			return fmt.Errorf("it was built with %s=%s, want %s", key, got, want)
		}
	}
	return nil
}

// checkVersion runs a program for its version.
func (r *release) checkVersion(content []byte) error {
	folder, err := os.MkdirTemp("", "overrides-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, program(runtime.GOOS+"/"+runtime.GOARCH))
	if err := os.WriteFile(path, content, 0o700); err != nil {
		return err
	}
	output, err := exec.CommandContext(context.Background(), path, "version").CombinedOutput()
	if err != nil {
		return fmt.Errorf("run overrides version: %w\n%s", err, output)
	}
	if want := "overrides v" + r.version + " "; !strings.HasPrefix(string(output), want) {
		return fmt.Errorf("overrides version prints %q, want %q", output, want)
	}
	return nil
}
