package scale

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Usage is a process's use of the machine, as Linux counts it. Sizes are in bytes.
type Usage struct {
	// Resident is its memory, Peak the maximum so far. Program is the part of Resident
	// that is pages of files: its own code and constants.
	Resident, Peak, Program int64
	// CPU is the time on all processors.
	CPU time.Duration
}

// usage reads the operator's current usage; zero if unknown.
func (o *operatorProcess) usage() Usage {
	dir := "/proc/" + strconv.Itoa(o.ID())
	var out Usage
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) != 2 || fields[1] != "kB" {
			continue
		}
		n, _ := strconv.ParseInt(fields[0], 10, 64)
		switch name {
		case "VmRSS":
			out.Resident = n << 10
		case "VmHWM":
			out.Peak = n << 10
		case "RssFile":
			out.Program = n << 10
		}
	}
	out.CPU = cpu(dir)
	return out
}

// tick is the unit of times in /proc, the same on all of Go's platforms.
const tick = 10 * time.Millisecond

func cpu(dir string) time.Duration {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0
	}
	// The name of the program, in brackets, may contain anything.
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " ")
	fields := strings.Fields(rest)
	const user, system = 11, 12 // counted from the state, the third field
	if len(fields) <= system {
		return 0
	}
	u, _ := strconv.ParseInt(fields[user], 10, 64)
	s, _ := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick
}

// watchUsage records the operator's usage each second until ctx ends, and then sends the
// records.
func (o *operatorProcess) watchUsage(ctx context.Context) <-chan []Usage {
	out := make(chan []Usage, 1)
	go func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		all := []Usage{o.usage()}
		for {
			select {
			case <-ctx.Done():
				out <- append(all, o.usage())
				return
			case <-ticker.C:
				all = append(all, o.usage())
			}
		}
	}()
	return out
}

// memory summarizes a process's memory.
func memory(all []Usage) Memory {
	var resident []int64
	var out Memory
	for _, u := range all {
		resident = append(resident, u.Resident)
		out.Peak = max(out.Peak, u.Peak)
		out.Program = max(out.Program, u.Program)
	}
	slices.Sort(resident)
	out.Median = resident[len(resident)/2]
	out.Most = resident[len(resident)-1]
	return out
}
