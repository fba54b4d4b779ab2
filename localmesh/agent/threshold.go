package agent

// threshold turns the results of a probe into a verdict, which changes after a number of
// equal results that differ from it.
type threshold struct {
	// success and failure are the numbers of results needed; 0 means 1.
	success, failure int32

	good bool
	last bool
	run  int32
}

// add takes the next result and reports whether a verdict is due: the first time that
// there are enough equal results. A due verdict need not be a change: a container that
// keeps failing its first probes is judged too.
func (t *threshold) add(result bool) (due bool) {
	if result != t.last {
		t.last, t.run = result, 0
	}
	t.run++
	needed := max(t.failure, 1)
	if result {
		needed = max(t.success, 1)
	}
	if t.run != needed {
		return false
	}
	t.good = result
	return true
}
