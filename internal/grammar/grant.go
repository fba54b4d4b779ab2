package grammar

import (
	"regexp"
	"slices"
	"strings"
)

// TokenHeader is the header that carries a token. carrier is the name of the override header.
func TokenHeader(carrier string) string { return carrier + "-token" }

// TokenIDHeader is the header that a proxy makes of the ID of a valid token.
func TokenIDHeader(carrier string) string { return carrier + "-id" }

// GrantPrefix begins the IDs of the tokens of grants, and of no others. So a token says by its ID
// whether it counts only while its grant is live.
const GrantPrefix = "grant."

var grantID = regexp.MustCompile(`^` + regexp.QuoteMeta(GrantPrefix) + `[a-z2-7]{1,32}$`)

// IsGrantID reports whether an ID is that of a grant.
func IsGrantID(id string) bool { return grantID.MatchString(id) }

// The patterns of IDs are GRANT.(?:ID|ID|…), with the IDs without their common prefix.
const (
	idsBegin = `grant\.(?:`
	idsEnd   = `)`
)

// AnyGrantPattern matches the IDs of tokens, joined by commas, of which some is a grant's, whether
// it is well-formed or not.
const AnyGrantPattern = `(?:.*,)?[ \t]*grant\..*`

// OfflinePattern matches the ID of one token that is not a grant's. RE2 has no negation for words,
// so it is spelled out.
const OfflinePattern = `(?:[^g,]|g[^r,]|gr[^a,]|gra[^n,]|gran[^t,]|grant[^.,])[^,]*|g|gr|gra|gran|grant`

// GrantPatterns matches the IDs of grants, in patterns of at most some bytes: they are
// alternatives.
func GrantPatterns(ids []string, most int) []string {
	var out []string
	for next := 0; next < len(ids); {
		pattern := idsBegin + strings.TrimPrefix(ids[next], GrantPrefix)
		for next++; next < len(ids); next++ {
			more := `|` + strings.TrimPrefix(ids[next], GrantPrefix)
			if len(pattern)+len(more)+len(idsEnd) > most {
				break
			}
			pattern += more
		}
		out = append(out, pattern+idsEnd)
	}
	return out
}

// jsonIDs finds patterns of [GrantPatterns] in JSON.
var jsonIDs = regexp.MustCompile(`(` + regexp.QuoteMeta(`grant\\.(?:`) + `)([a-z2-7|]*)` + regexp.QuoteMeta(idsEnd))

// WithoutGrants returns an object in JSON whose patterns of [GrantPatterns] have no IDs but the
// live ones, which are sorted. A pattern without any matches no ID of a grant.
func WithoutGrants(object []byte, live []string) []byte {
	return jsonIDs.ReplaceAllFunc(object, func(found []byte) []byte {
		parts := jsonIDs.FindSubmatch(found)
		kept := slices.DeleteFunc(strings.Split(string(parts[2]), "|"), func(id string) bool {
			_, is := slices.BinarySearch(live, GrantPrefix+id)
			return !is
		})
		return slices.Concat(parts[1], []byte(strings.Join(kept, "|")), []byte(idsEnd))
	})
}
