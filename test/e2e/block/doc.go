// Package block measures what kinds of requests cost a proxy, side by side: blocks of each kind
// alternate, in an order that changes each round.
//
// Input: functions that send one request each, and the process of the proxy. Output: medians
// over the rounds. It must not judge answers; an error of a request ends the measurement.
//
//	block.go    Block, Measure
//	process.go  CPU time and memory of a process
package block
