package agent

// threshold makes a verdict of the results of a probe: it changes after a number
// of equal results that differ from it.
type threshold struct {
	// success and failure are the numbers of results needed; 0 means 1.
	success, failure int32

	good bool
	last bool
	run  int32
}

// add takes the next result and says whether a verdict is due: the first time
// that results of one kind are enough. That a verdict is due does not mean that
// it changed: a container that goes on failing its first probes is judged too.
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
