// Package script is the talk's demo: requests with an override header, the path
// that each should take, and how it is told in a terminal.
//
// In: something that sends requests ([Sender]), whatever stage they are sent on:
// the embedded demo's Envoys or a mesh. Out: each path drawn, and an error if one
// of them is wrong. It starts nothing and knows no addresses.
package script
