package operator

import (
	"syscall"
	"time"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
)

func BenchmarkZZHeap(b *testing.B) {
	runtime.MemProfileRate = 512
	options := DefaultOptions()
	options.AllNamespaces = true
	s := newStore(&options)
	for i := range 1000 {
		fill(b, s, fmt.Sprintf("service-%d", i))
	}
	fmt.Println("store", liveBytes()>>10)
	r := newReconciler(&options, s, parts{})
	settle(b, r)
	runtime.GC()
	runtime.GC()
	f, _ := os.Create("/tmp/heap.pprof")
	pprof.Lookup("heap").WriteTo(f, 0)
	f.Close()
	fmt.Println("all", liveBytes()>>10)
	runtime.KeepAlive(r)
}

func cpuNow() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func BenchmarkZZPass(b *testing.B) {
	options := DefaultOptions()
	options.AllNamespaces = true
	s := newStore(&options)
	for i := range 1000 {
		fill(b, s, fmt.Sprintf("service-%d", i))
	}
	r := newReconciler(&options, s, parts{})
	settle(b, r)
	runtime.GC()
	if f := os.Getenv("PROF"); f != "" {
		w, _ := os.Create(f)
		pprof.StartCPUProfile(w)
		defer pprof.StopCPUProfile()
	}
	for range 3 {
		before := cpuNow()
		for range 20 {
			planOf(b, r)
		}
		b.Logf("cpu/op %v", (cpuNow()-before)/20)
	}
}
