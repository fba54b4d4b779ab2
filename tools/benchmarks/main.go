package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	begin := flag.String("begin", "", "describe a run that begins, whose results will be in DIR/`NAME`.txt")
	write := flag.String("write", "", "write results into a `PAGE`")
	flag.Parse()
	var err error
	switch dir := flag.Arg(0); {
	case flag.NArg() != 1 || (*begin == "") == (*write == ""):
		flag.Usage()
		os.Exit(2)
	case *begin != "":
		err = note(*begin, dir)
	default:
		err = update(*write, dir)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchmarks: %v\n", err)
		os.Exit(1)
	}
}

// note writes the description of a run that begins.
func note(name, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".run"), []byte(describe()+"\n"), 0o644)
}

// update writes the results in dir into a page.
func update(path, dir string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	all, err := readResults(filepath.Join(dir, "go.txt"))
	if err != nil {
		return err
	}
	updated, err := replace(string(page), func(name string) (string, error) {
		text, err := measured(name, dir, all)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v: not changed\n", name, err)
		}
		return text, nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(updated), 0o644)
}

// measured returns the text of a block.
func measured(name, dir string, all results) (string, error) {
	results, text := name, ""
	if table, ok := blocks[name]; ok {
		made, err := table(all)
		if err != nil {
			return "", err
		}
		results, text = "go", made
	} else {
		output, err := os.ReadFile(filepath.Join(dir, name+".txt"))
		if err != nil {
			return "", errors.New("no results")
		}
		text = markdown(string(output))
	}
	run, err := os.ReadFile(filepath.Join(dir, results+".run"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return strings.TrimSpace(string(run)) + "\n\n" + strings.TrimSpace(text), nil
}

// markdown returns the output of a command from its first table on.
func markdown(output string) string {
	if at := strings.Index("\n"+output, "\n|"); at >= 0 {
		return output[at:]
	}
	return output
}
