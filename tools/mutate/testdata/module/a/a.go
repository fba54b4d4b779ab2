// Package a has one rule that is held, and one that is not.
package a

// Abs returns x without its sign.
func Abs(x int) int {
	if x < 0 {
		return -x
	}
	if x == 7 {
		return 7
	}
	return x
}
