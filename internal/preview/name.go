package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxName is the length of a name that can also be a label, and the name of a Service.
const maxName = 63

// nameOf returns "BASE-VERSION" as a DNS-1035 label, which can be the name of a workload, of
// a Service, and the value of a label. A name that is too long, or has other characters, is
// made of its valid ones and a hash, so that two previews never share one.
func nameOf(base, version string) string {
	name := base + "-" + version
	valid := lowerLabel(name)
	if valid == name && len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:8]
	valid = valid[:min(len(valid), maxName-len(hash)-1)]
	return strings.TrimRight(valid, "-") + "-" + hash
}

// lowerLabel returns s in lower case, with every other character than letters, digits and
// "-" as "-", beginning with a letter and ending with a letter or a digit.
func lowerLabel(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, s)
	s = strings.Trim(s, "-")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "p-" + s
	}
	return s
}
