package main

import (
	"fmt"
	"strconv"
	"strings"
)

// blocks make the tables of the output of go test -bench, by the names of their blocks. They
// return an error if a result is missing.
var blocks = map[string]func(results) (string, error){
	"core": core, "proof": proof, "command": command, "cluster": cluster,
	"2 MB":  func(r results) (string, error) { return manifest(r, "2MB", "", "") },
	"20 MB": func(r results) (string, error) { return manifest(r, "20MB", "≤ 2 s", "≤ 6 ×") },
}

// writer writes a table, and keeps the error for the first result that is missing.
type writer struct {
	results results
	out     strings.Builder
	err     error
}

func newWriter(r results, head ...string) *writer {
	w := &writer{results: r}
	w.row(head...)
	w.row(strings.Split(strings.Repeat("---,", len(head)-1)+"---", ",")...)
	return w
}

func (w *writer) row(cells ...string) {
	w.out.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func (w *writer) value(name, unit string) float64 {
	value, err := w.results.value(name, unit)
	if err != nil && w.err == nil {
		w.err = err
	}
	return value
}

func (w *writer) time(name string) string { return duration(w.value(name, "sec/op")) }

func (w *writer) allocations(name string) string { return count(w.value(name, "allocs/op")) }

func (w *writer) table() (string, error) { return w.out.String(), w.err }

func core(r results) (string, error) {
	w := newWriter(r, "what", "measured", "aim")
	for _, size := range []struct {
		services  int
		what, aim string
	}{
		{10, "compile 10 Services × 10 versions", ""},
		{100, "100 × 10", ""},
		{1000, "1,000 × 10", "well under 100 ms, 64 MiB"},
		{10000, "10,000 × 10", "linear"},
	} {
		name := fmt.Sprintf("Compile/services=%d/versions=10", size.services)
		w.row(size.what, fmt.Sprintf("%s, %s MiB, %s allocations", w.time(name), short(w.value(name, "B/op")/(1<<20)), w.allocations(name)), size.aim)
	}
	w.row("print 1,000 × 10 (2,000 objects, as YAML, one processor)", w.time("Print"), "")
	for _, header := range []struct{ what, name, aim string }{
		{"parse a header of three plain members", "ParseThreePlainMembers", "under 1 µs, none"},
		{"parse 8 KiB, 32 members", "ParseEightKiB/members=32", ""},
		{"parse 8 KiB, 250 members", "ParseEightKiB/members=250", ""},
	} {
		w.row(header.what, fmt.Sprintf("%s, %s allocations", w.time(header.name), w.allocations(header.name)), header.aim)
	}
	return w.table()
}

func proof(r results) (string, error) {
	w := newWriter(r, "Services", "with objects of users", "compiled", "and proved", "memory", "aim")
	aims := map[string]string{"1000 0": "under 100 ms", "10000 0": "linear"}
	for _, services := range []int{10, 100, 1000, 10000} {
		first := count(float64(services))
		for _, users := range []struct{ percent, what string }{{"0", "none"}, {"10", "10 %"}, {"100", "all"}} {
			name := fmt.Sprintf("Proof/services=%d/users=%s%%", services, users.percent)
			without, with := name+"/without", name+"/with"
			memory := fmt.Sprintf("%s → %s MB", short(w.value(without, "B/op")/1e6), short(w.value(with, "B/op")/1e6))
			w.row(first, users.what, w.time(without), w.time(with), memory, aims[strconv.Itoa(services)+" "+users.percent])
			first = ""
		}
	}
	return w.table()
}

func command(r results) (string, error) {
	w := newWriter(r, "what", "measured", "aim")
	w.row("`overrides version`, from start to end", w.time("Startup/version"), "under 30 ms")
	w.row("`overrides generate -f examples/chain`", w.time("Startup/chain"), "")
	w.row("size of the binary, stripped", short(w.value("Startup/version", "binary-B")/1e6)+" MB", "≤ 30 MB")
	return w.table()
}

// manifest makes the table of a size.
func manifest(r results, size, mostTime, mostMemory string) (string, error) {
	w := newWriter(r, "", "wall, mean", "wall, best", "processors, best", "peak memory", "peak / size of the manifest", "aim")
	bytes := w.value("Generate/"+size+"/overrides-generate", "manifest-B")
	for _, c := range []struct{ what, name, aim string }{
		{"`overrides generate`", "overrides-generate", strings.Trim(mostTime+", "+mostMemory, ", ")},
		{"`overrides check`", "overrides-check", ""},
		{"`kubectl kustomize`", "kubectl-kustomize", ""},
	} {
		name := "Generate/" + size + "/" + c.name
		if c.name == "kubectl-kustomize" && r[name] == nil {
			continue // not everybody has it
		}
		peak := w.value(name, "peak-MiB")
		w.row(c.what, w.time(name), duration(w.value(name, "best-s")), duration(w.value(name, "cpu-s")), short(peak)+" MiB", short(peak*(1<<20)/max(bytes, 1))+" ×", c.aim)
	}
	text, err := w.table()
	return fmt.Sprintf("The manifest has %s MB.\n\n%s", short(bytes/1e6), text), err
}

func cluster(r results) (string, error) {
	w := newWriter(r, "what", "measured", "aim")
	w.row("requests", count(w.value("GenerateFromCluster", "requests")), "a handful, none for a single Service")
	w.row("time, whole command", w.time("GenerateFromCluster"), "≤ 0.5 s")
	w.row("… at best", duration(w.value("GenerateFromCluster", "best-s")), "")
	w.row("peak memory", short(w.value("GenerateFromCluster", "peak-MiB"))+" MiB", "")
	return w.table()
}

// duration prints seconds with two or three digits.
func duration(seconds float64) string {
	for _, unit := range []struct {
		name string
		size float64
	}{{"s", 1}, {"ms", 1e-3}, {"µs", 1e-6}} {
		if seconds >= unit.size {
			return short(seconds/unit.size) + " " + unit.name
		}
	}
	return short(seconds/1e-9) + " ns"
}

// short prints two significant digits at least, and all of an integer.
func short(value float64) string {
	switch {
	case value >= 1000:
		return count(value)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 0, 64)
	default:
		return strconv.FormatFloat(value, 'g', 2, 64)
	}
}

// count prints a number with commas between thousands.
func count(value float64) string {
	digits := strconv.FormatFloat(value, 'f', 0, 64)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
