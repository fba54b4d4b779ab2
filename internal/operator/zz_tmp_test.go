package operator

import (
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
