package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/overrides-mesh/overrides/internal/model"
)

// maxName is the length of a name that can also be a label, and the name of a Service.
const maxName = 63

// nameOf returns "BASE-VERSION" as a DNS-1035 label, which can be the name of a workload, of
// a Service, and the value of a label. A name that is too long, or has other characters, is
// made of its valid ones and a hash, so that two previews never share one.
func nameOf(base, version string) string {
	name := base + "-" + version
	valid := letterFirst(name)
	if valid == name && len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:8]
	valid = valid[:min(len(valid), maxName-len(hash)-1)]
	return strings.TrimRight(valid, "-") + "-" + hash
}

// letterFirst returns s as [model.LowerLabel] does, and beginning with a letter.
func letterFirst(s string) string {
	s = model.LowerLabel(s)
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "p-" + s
	}
	return s
}
