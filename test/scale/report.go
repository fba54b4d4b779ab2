package scale

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Result has the results of one run.
type Result struct {
	// Commit and Date identify the run; Load is the machine's load before.
	Commit, Date, Load string

	Services, Versions, Pods, Objects int
	Seconds, PerSecond                int
	Seed                              uint64

	// FirstLook is the time from the start of the program until it has looked at
	// everything, FromNothing until everything is in place if nothing was, Again until
	// the first look if everything is.
	FirstLook, FromNothing, Again                    time.Duration
	FromNothingUsage, AgainUsage                     Usage
	FromNothingRequests, IdleRequests, AgainRequests Requests
	// AgainWritten lists each object that was written after the start with everything in
	// place.
	AgainWritten []string

	// CPU is the number of processors in use during changes, IdleCPU without.
	CPU, IdleCPU float64
	IdleResident int64
	Memory       Memory
	// Looks is the number of the operator's looks at the cluster, Look the average
	// duration of one, including its writes.
	Looks int
	Look  time.Duration

	// Changes counts changes by kind; Passed those that conflicted with another.
	Changes map[string]int
	Passed  int
	// Requests are the requests for all changes, Refused the rejected ones.
	Requests, Refused Requests
	Times             map[string]Distribution
	Writes            Writes
	NeedlessWrites    []string
	// Served is how long the API server took for the writes.
	Served Distribution
	// Differences is the number of objects that differ from the output of generate at the
	// end.
	Differences int
}

// Memory is the memory of a process over a time, in bytes.
type Memory struct {
	// Median and Most are of the resident memory each second, Peak the most since the
	// process began. Program is the program's own part.
	Median, Most, Peak, Program int64
}

// Distribution is a distribution of times.
type Distribution struct {
	Count              int
	P50, P90, P99, Max time.Duration
}

const (
	routePlaced  = "route placed"
	routeRemoved = "route removed"
	subsetPlaced = "subset placed"
)

func size(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }

func short(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func total(m map[string]int) int {
	n := 0
	for _, count := range m {
		n += count
	}
	return n
}

// String lists counts by name.
func (r Requests) String() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		out = append(out, fmt.Sprintf("%d %s", r[name], name))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// Writes counts the requests among r that write routing objects.
func (r Requests) Writes() int {
	n := 0
	for name, count := range r {
		if isRouting(name) {
			n += count
		}
	}
	return n
}

func (d Distribution) String() string {
	if d.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("%s / %s / %s / %s (%d)", short(d.P50), short(d.P90), short(d.P99), short(d.Max), d.Count)
}

// row is one line of the table.
type row struct {
	name  string
	value func(r *Result) string
	aim   string
}

var rows = []row{
	{"versions / pods / generated objects", func(r *Result) string { return fmt.Sprintf("%d / %d / %d", r.Versions, r.Pods, r.Objects) }, ""},
	{"start → everything seen, with everything in place", func(r *Result) string { return short(r.Again) }, "≤ 10 s"},
	{"start → everything in place, from nothing", func(r *Result) string { return short(r.FromNothing) }, ""},
	{"changes, and conflicting ones", func(r *Result) string { return fmt.Sprintf("%d, %d", total(r.Changes)+r.Passed, r.Passed) }, ""},
	{"ready → route written: p50 / p90 / p99 / max (n)", func(r *Result) string { return r.Times[routePlaced+" at once"].String() }, "p50 ≤ 60 ms, p99 ≤ 150 ms; with 10,000, p99 ≤ 300 ms"},
	{"… where the plan has to wait (flapping, a new pin)", func(r *Result) string { return r.Times[routePlaced+", had to wait"].String() }, ""},
	{"not ready or gone → route removed", func(r *Result) string { return r.Times[routeRemoved].String() }, ""},
	{"first pod → subset written", func(r *Result) string { return r.Times[subsetPlaced].String() }, ""},
	{"… the API server's part of each write", func(r *Result) string { return r.Served.String() }, ""},
	{"looks at the cluster, average time including writes", func(r *Result) string { return fmt.Sprintf("%d, %s", r.Looks, short(r.Look)) }, ""},
	{"requests per change, including Events", func(r *Result) string {
		return fmt.Sprintf("%.2f", float64(total(r.Requests))/float64(max(total(r.Changes), 1)))
	}, ""},
	{"… all of them", func(r *Result) string { return r.Requests.String() }, ""},
	{"… rejected", func(r *Result) string { return r.Refused.String() }, ""},
	{"changes of wanted objects / writes", func(r *Result) string { return fmt.Sprintf("%d / %d", r.Writes.Wanted, r.Requests.Writes()) }, ""},
	{"… of the writes, first / second of two steps / needless", func(r *Result) string {
		return fmt.Sprintf("%d / %d / %d", r.Writes.First, r.Writes.Second, r.Writes.Needless+r.Requests.Writes()-r.Writes.Stored)
	}, "needless: 0"},
	{"requests without changes", func(r *Result) string { return r.IdleRequests.String() }, "none"},
	{"resident memory during changes, median / maximum", func(r *Result) string { return size(r.Memory.Median) + " / " + size(r.Memory.Most) }, "≤ 80 MiB with 1,000"},
	{"… maximum, including the start from nothing", func(r *Result) string { return size(r.Memory.Peak) }, ""},
	{"… part of the program itself", func(r *Result) string { return size(r.Memory.Program) }, ""},
	{"… after a restart, maximum / a while later", func(r *Result) string { return size(r.AgainUsage.Peak) + " / " + size(r.AgainUsage.Resident) }, ""},
	{"processors in use during changes / without", func(r *Result) string { return fmt.Sprintf("%.2f / %.2f", r.CPU, r.IdleCPU) }, "≤ 0.2 with 1,000"},
	{"processor time, start from nothing / restart", func(r *Result) string {
		return fmt.Sprintf("%.1f s / %.1f s", r.FromNothingUsage.CPU.Seconds(), r.AgainUsage.CPU.Seconds())
	}, ""},
	{"objects that differ from the output of generate, at the end", func(r *Result) string { return fmt.Sprint(r.Differences) }, "0"},
}

// Table prints results side by side, in Markdown.
func Table(results []*Result) string {
	var b strings.Builder
	b.WriteString("|")
	for _, r := range results {
		fmt.Fprintf(&b, " | %d Services", r.Services)
	}
	b.WriteString(" | aim |\n|---" + strings.Repeat("|---", len(results)) + "|---|\n")
	for _, line := range rows {
		b.WriteString("| " + line.name)
		for _, r := range results {
			b.WriteString(" | " + line.value(r))
		}
		b.WriteString(" | " + line.aim + " |\n")
	}
	for _, r := range results {
		fmt.Fprintf(&b, "\n%d Services: %s, commit %s, seed %d, %d changes a second for %d s, load before %s.\n",
			r.Services, r.Date, r.Commit, r.Seed, r.PerSecond, r.Seconds, r.Load)
	}
	return b.String()
}
