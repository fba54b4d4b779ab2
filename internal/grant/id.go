package grant

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// SecretType is the type of Secrets with a token of a grant, and SecretKey the key of the token.
const (
	SecretType = "overrides.mesh/token"
	SecretKey  = "token"
)

// idLength is the length of the part of an ID behind its prefix: 60 bits, too many for two
// grants to share one by chance.
const idLength = 12

// ID returns the ID of the tokens of a grant (claim jti): "grant." and 12 characters of a-z and
// 2-7 that follow from the UID. An ID is not secret.
func ID(uid types.UID) string {
	sum := sha256.Sum256([]byte(uid))
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])
	return grammar.GrantPrefix + strings.ToLower(text[:idLength])
}

// maxSecretName is the maximum length of the name of a Secret.
const maxSecretName = 253

// secretName returns the name of the Secret of a grant. It contains the ID, so a grant does not
// meet the Secret of an earlier one that had its name.
func secretName(name, id string) string {
	suffix := "-" + strings.TrimPrefix(id, grammar.GrantPrefix)
	if len(name)+len(suffix) > maxSecretName {
		name = strings.TrimRight(name[:maxSecretName-len(suffix)], "-.")
	}
	return name + suffix
}
