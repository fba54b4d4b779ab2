package compile

import (
	"cmp"
	"math"
	"slices"
)

// share is one destination of a user's, and what a pin divides it into.
type share struct {
	weight int32
	// parts are the weights of a pin's parts; none where there is no pin. A single
	// part may have none.
	parts []int32
}

// fineTotal is what weights sum up to where they can't be exact. Shares are then
// right to a part in a hundred million.
const fineTotal = 1_000_000_000

// weigh returns the weights of all parts of all shares, one after another, in lowest
// terms. It returns nothing where no pin has several parts: then weights stay as
// they are. Their sum is at most what an int32 holds, since Istio adds them up in one
// (pkg/config/validation: validateHTTPRouteDestinations) and Envoy in a uint32.
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
	// No product is over 62 bits: a weight has 31, and a part of scale no more.
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

// apportioned is weigh for weights that have no exact form that is small enough:
// fineTotal is divided among the shares, and what each gets among its parts. What has
// any weight gets at least 1.
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

// divide divides total by weights: each gets its share rounded down, and those that
// lose most by that one more, until nothing is left. No weight that is not 0 gets
// nothing, so that the parts may sum up to a little more than total.
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

// lcm returns the least common multiple of two numbers of which a is at most what an
// int32 holds, or a larger number than that.
func lcm(a, b int64) int64 {
	b /= gcd(a, b)
	if b > math.MaxInt32 {
		return b
	}
	return a * b
}
