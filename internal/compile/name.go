package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	// ObjectSuffix ends the name of every object that is made.
	ObjectSuffix = "-overrides"
	// releasedSubset names the pods of the released workload.
	releasedSubset = "overrides-released"
	subsetPrefix   = "override-"
	maxLabel       = 63
	maxName        = 253
)

// subsetName returns the name of the subset of a version: the version itself
// behind a prefix, since of two subsets of one name the older would win. A
// version that is no DNS-1123 label gets a readable remainder of itself and a
// hash of the whole; the doubled "-" keeps those names apart from all others.
func subsetName(version string) string {
	name := subsetPrefix + version
	if len(name) <= maxLabel && isLowerLabel(version) {
		return name
	}
	return withHash(subsetPrefix+"-"+lowerLabel(version), version, maxLabel)
}

// mangled returns another name for a subset whose name is taken.
func mangled(name string) string { return withHash(name, name, maxLabel) }

// objectName returns base with the suffix of our objects, within the limit of names.
func objectName(base string) string {
	if len(base)+len(ObjectSuffix) <= maxName {
		return base + ObjectSuffix
	}
	return withHash(base, base, maxName-len(ObjectSuffix)) + ObjectSuffix
}

// withHash returns name, cut so that with "-" and a hash of what it stands for
// it is at most limit bytes long.
func withHash(name, of string, limit int) string {
	sum := sha256.Sum256([]byte(of))
	hash := hex.EncodeToString(sum[:])[:10]
	name = name[:min(len(name), limit-len(hash)-1)]
	return strings.TrimRight(name, "-.") + "-" + hash
}

func isLowerLabel(s string) bool {
	return s != "" && s == lowerLabel(s)
}

// lowerLabel returns s in lower case with every other character as "-".
func lowerLabel(s string) string {
	mapped := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, s)
	return strings.Trim(mapped, "-")
}
