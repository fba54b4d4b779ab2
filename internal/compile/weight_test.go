package compile

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWeigh(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shares []share
		want   []int32
	}{
		"no pin":                    {[]share{{weight: 80}, {weight: 20}}, nil},
		"a pin of one part":         {[]share{{weight: 80, parts: []int32{0}}, {weight: 20}}, nil},
		"a pin of two":              {[]share{{weight: 1, parts: []int32{2, 1}}}, []int32{2, 1}},
		"beside another":            {[]share{{weight: 80, parts: []int32{2, 1}}, {weight: 20}}, []int32{8, 4, 3}},
		"two pins":                  {[]share{{weight: 50, parts: []int32{2, 1}}, {weight: 50, parts: []int32{1, 1}}}, []int32{4, 2, 3, 3}},
		"a common divisor":          {[]share{{weight: 50, parts: []int32{1, 1}}, {weight: 50, parts: []int32{3, 1}}}, []int32{2, 2, 3, 1}},
		"a destination of weight 0": {[]share{{weight: 100}, {weight: 0, parts: []int32{1, 2}}}, []int32{1, 0, 0}},
		"no weights at all":         {[]share{{parts: []int32{1, 1}}, {}}, []int32{0, 0, 0}},
		"what is not exact": {
			[]share{{weight: 1, parts: []int32{1000, 997}}, {weight: 1, parts: []int32{1009, 991}}, {weight: 1, parts: []int32{1013, 983}}, {weight: math.MaxInt32}},
			[]int32{1, 1, 1, 1, 1, 1, 999999999},
		},
	} {
		if got := weigh(test.shares); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	six := make([]share, 6)
	for i := range six {
		six[i] = share{weight: int32(i + 1), parts: []int32{int32(1000 - i), int32(997 + i)}} //nolint:gosec // small
	}
	checkWeights(t, six, weigh(six))
}

// checkWeights holds weights against the shares that they are to say.
func checkWeights(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, shares []share, weights []int32,
) {
	t.Helper()
	sum, all := int64(0), int64(0)
	for _, w := range weights {
		sum += int64(w)
		if w < 0 {
			t.Fatalf("weight %d of %v", w, shares)
		}
	}
	for _, s := range shares {
		all += int64(s.weight)
	}
	if sum > math.MaxInt32 || (sum == 0 && all > 0) {
		t.Fatalf("weights of %v sum up to %d", shares, sum)
	}
	i := 0
	for _, s := range shares {
		for _, part := range s.divided() {
			w := weights[i]
			i++
			if (w == 0) != (s.weight == 0) {
				t.Fatalf("weight %d for part %d of a share of %d", w, part, s.weight)
			}
			if all == 0 {
				continue
			}
			want := new(big.Rat).Mul(big.NewRat(int64(s.weight), all), big.NewRat(part, s.total()))
			difference, _ := new(big.Rat).Sub(want, big.NewRat(int64(w), sum)).Float64()
			if math.Abs(difference) > 1e-7 {
				t.Fatalf("%v: weights %v: the share of part %d of %v is %v off", shares, weights, part, s, difference)
			}
		}
	}
	if i != len(weights) {
		t.Fatalf("%d weights for %d parts", len(weights), i)
	}
}

// TestWeighProperties: for any weights and any pins the shares are right, and no
// weight, nor their sum, is more than an int32.
func TestWeighProperties(t *testing.T) {
	t.Parallel()
	number := rapid.OneOf(
		rapid.Int32Range(0, 5), rapid.Int32Range(0, 2000), rapid.Int32Range(0, math.MaxInt32),
		rapid.SampledFrom([]int32{0, 1, 997, 1000, math.MaxInt32 - 1, math.MaxInt32}),
	)
	rapid.Check(t, func(t *rapid.T) {
		shares := make([]share, rapid.IntRange(1, 8).Draw(t, "shares"))
		pins := false
		for i := range shares {
			shares[i].weight = number.Draw(t, "weight")
			if rapid.Bool().Draw(t, "pinned") {
				shares[i].parts = rapid.SliceOfN(number, 1, 4).Draw(t, "parts")
				pins = pins || len(shares[i].parts) > 1
			}
		}
		if len(shares) == 1 {
			shares[0].weight = 1
		}
		weights := weigh(shares)
		if weights != nil {
			checkWeights(t, shares, weights)
		} else if pins {
			t.Fatalf("no weights for %v", shares)
		}
	})
}
