package packed

import (
	"iter"
	"maps"
)

// Map is a map that is only kept. Its entries are in no order.
type Map[K comparable, V any] []entry[K, V]

type entry[K comparable, V any] struct {
	key   K
	value V
}

// Of returns what m contains.
func Of[K comparable, V any](m map[K]V) Map[K, V] {
	if len(m) == 0 {
		return nil
	}
	out := make(Map[K, V], 0, len(m))
	for k, v := range m {
		out = append(out, entry[K, V]{k, v})
	}
	return out
}

// Unpack returns a map of its own, never nil.
func (m Map[K, V]) Unpack() map[K]V {
	out := make(map[K]V, len(m))
	maps.Insert(out, m.All())
	return out
}

// All iterates over the entries.
func (m Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := range m {
			if !yield(m[i].key, m[i].value) {
				return
			}
		}
	}
}

// Add returns m with the entries of others, which have other keys.
func (m Map[K, V]) Add(others ...Map[K, V]) Map[K, V] {
	n := len(m)
	for _, other := range others {
		n += len(other)
	}
	if n == len(m) {
		return m
	}
	out := append(make(Map[K, V], 0, n), m...)
	for _, other := range others {
		out = append(out, other...)
	}
	return out
}

// Divide adds each entry to the map that part returns for its key.
func (m Map[K, V]) Divide(part func(K) *Map[K, V]) {
	for i := range m {
		to := part(m[i].key)
		*to = append(*to, m[i])
	}
}
