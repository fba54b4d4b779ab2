package compile

import (
	"cmp"
	"math"
	"slices"
)

// share is one destination of a user, and the parts of its pin.
type share struct {
	weight int32
	// parts are the weights of the pin's parts; none if there is no pin. A single part may
	// have weight 0.
	parts []int32
}

// fineTotal is the sum of weights that can't be exact. Shares are then right to a part in a
// hundred million.
const fineTotal = 1_000_000_000

// weigh returns the weights of all parts of all shares, one after another, in lowest terms.
// It returns nil if no pin has several parts: then weights stay as they are. Their sum fits
// into an int32, since Istio adds them up in one (pkg/config/validation:
// validateHTTPRouteDestinations), and Envoy in a uint32.
func weigh(shares []share) []int32 {
	scale := int64(1)
	for i := range shares {
		if scale = lcm(scale, shares[i].total()); scale > math.MaxInt32 {
			return apportioned(shares)
		}
	}
	if scale == 1 {
		return nil
	}
	// No product has more than 62 bits: a weight has 31, and so has a part of scale.
	var exact []int64
	divisor := int64(0)
	for i := range shares {
		s := &shares[i]
		for _, part := range s.divided() {
			weight := int64(s.weight) * (part * (scale / s.total()))
			exact, divisor = append(exact, weight), gcd(divisor, weight)
		}
	}
	room := int64(math.MaxInt32)
	out := make([]int32, 0, len(exact))
	for _, weight := range exact {
		weight /= max(divisor, 1)
		if weight > room {
			return apportioned(shares)
		}
		room -= weight
		out = append(out, int32(weight)) //nolint:gosec // not over room
	}
	return out
}

// apportioned is weigh for weights whose exact form is too large: it divides fineTotal among
// the shares, and each share among its parts. Every weight but 0 becomes at least 1.
func apportioned(shares []share) []int32 {
	weights := make([]int64, 0, len(shares))
	for i := range shares {
		weights = append(weights, int64(shares[i].weight))
	}
	var out []int32
	for i, total := range divide(fineTotal, weights) {
		for _, weight := range divide(total, shares[i].divided()) {
			out = append(out, int32(weight)) //nolint:gosec // a part of fineTotal
		}
	}
	return out
}

// divide divides total by weights: each gets its share rounded down, and those that lose
// most by rounding get one more, until nothing is left. Every weight but 0 gets at least 1,
// so the sum may be a little more than total.
func divide(total int64, weights []int64) []int64 {
	sum := int64(0)
	for _, w := range weights {
		sum += w
	}
	out := make([]int64, len(weights))
	if sum == 0 || total == 0 {
		return out
	}
	order, left := make([]int, len(weights)), total
	remainders := make([]int64, len(weights))
	for i, w := range weights {
		// total is less than 2³⁰, and a weight less than 2³¹.
		order[i], out[i], remainders[i] = i, total*w/sum, total*w%sum
		left -= out[i]
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(remainders[j], remainders[i]) })
	for _, i := range order[:left] {
		out[i]++
	}
	for i, w := range weights {
		if w > 0 && out[i] == 0 {
			out[i] = 1
		}
	}
	return out
}

// divided returns the weights of the parts: one for a share that is not divided.
func (s *share) divided() []int64 {
	if len(s.parts) == 0 {
		return []int64{1}
	}
	out := make([]int64, 0, len(s.parts))
	for _, p := range s.parts {
		out = append(out, int64(max(p, 1)))
	}
	return out
}

// total is the sum of the weights of the parts.
func (s *share) total() int64 {
	sum := int64(0)
	for _, part := range s.divided() {
		sum += part
	}
	return sum
}

// lcm returns the least common multiple of a, which fits into an int32, and b; or some number
// that does not fit into an int32 if the multiple does not.
func lcm(a, b int64) int64 {
	b /= gcd(a, b)
	if b > math.MaxInt32 {
		return b
	}
	return a * b
}
