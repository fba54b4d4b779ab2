// Command benchmarks writes the numbers of docs/benchmarks.md.
//
//	go run ./benchmarks -begin NAME DIR    writes the date, machine and commit of a run to DIR/NAME.run
//	go run ./benchmarks -write PAGE DIR    writes the results in DIR into PAGE
//
// A block of the page begins with <!-- measured: BLOCK --> and ends with <!-- end -->. The
// blocks of blocks.go are made from DIR/go.txt, the output of go test -bench. Other blocks are
// the output of a command that prints Markdown, DIR/BLOCK.txt. A block without results, or
// without some of them, does not change.
//
//	main.go      the two commands
//	page.go      blocks of a page
//	results.go   reads the output of go test -bench
//	blocks.go    the tables that are made from it
//	run.go       date, machine and commit
package main
