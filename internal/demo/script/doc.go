// Package script is the scripted demo: requests with an override header, the expected
// path of each, and the drawing of paths in a terminal.
//
// Input: something that sends requests ([Sender]): to the embedded demo's Envoys or to a
// mesh. Output: each path drawn, and an error if one of them is wrong. The package starts
// nothing and knows no addresses.
package script
