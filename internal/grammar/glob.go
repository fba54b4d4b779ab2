package grammar

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Glob stands for members of an override header, whatever their parameters:
//
//	cart.shop:pr-118   this member
//	cart.shop:*        every version of the Service
//	*.shop:pr-*        versions pr-… of every Service in the namespace, and the sets of these
//	cart:v2            the version of cart, in one namespace or in all
//
// A member without a namespace is for all namespaces, so only a glob without one stands for it.
type Glob struct {
	// Service is a name or [SetName]. Namespace is empty for all.
	Service, Namespace string
	// Version is a version in which "*" stands for any text, also for none.
	Version string
}

// ParseGlob reads "service[.namespace]:version".
func ParseGlob(text string) (Glob, error) {
	name, version, found := strings.Cut(text, ":")
	if !found {
		return Glob{}, fmt.Errorf("%s has no version: write SERVICE.NAMESPACE:VERSION, with * for all", quote(text))
	}
	out := Glob{Version: version}
	out.Service, out.Namespace, found = strings.Cut(name, ".")
	if out.Service != SetName {
		if err := ValidateService(out.Service); err != nil {
			return Glob{}, err
		}
	}
	if found {
		if err := ValidateNamespace(out.Namespace); err != nil {
			return Glob{}, err
		}
	}
	if version == "" || len(version) > MaxLabelLength || strings.Trim(version, versionCharacters+"*") != "" {
		return Glob{}, fmt.Errorf(`version %s is invalid: use letters, digits, "-", "_", "." and "*", at most %d`, quote(version), MaxLabelLength)
	}
	return out, nil
}

// versionCharacters are those of a version.
const versionCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// Parts of the pattern of a glob. They match more than valid names: a malformed member is followed
// by nobody.
const (
	anyName    = `[a-z0-9-]+`
	anyVersion = `[A-Za-z0-9._-]*`
)

// pattern matches the name and version of a member.
func (g *Glob) pattern() string {
	service, namespace := regexp.QuoteMeta(g.Service), `\.`+regexp.QuoteMeta(g.Namespace)
	if g.Service == SetName {
		service = `(?:\*|` + anyName + `)`
	}
	if g.Namespace == "" {
		namespace = `(?:\.` + anyName + `)?`
	}
	parts := strings.Split(g.Version, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return service + namespace + ":" + strings.Join(parts, anyVersion)
}

// permits reports whether g stands for the members with a name and a version.
func (g *Glob) permits(name, version string) bool {
	service, namespace, found := strings.Cut(name, ".")
	return (service == g.Service || g.Service == SetName && isName(service)) &&
		(namespace == g.Namespace && found == (namespace != "") || g.Namespace == "" && isName(namespace)) &&
		fits(version, strings.Split(g.Version, "*"))
}

// isName reports whether text has the characters of a name.
func isName(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool { return c > '~' || classOf(byte(c))&(lower|digit|dash) == 0 })
}

// fits reports whether a version is some parts, with any characters of versions between them.
func fits(version string, parts []string) bool {
	rest, found := strings.CutPrefix(version, parts[0])
	if !found || strings.Trim(version, versionCharacters) != "" {
		return false
	}
	if len(parts) == 1 {
		return rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, rest, found = strings.Cut(rest, part); !found {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Within reports whether each member of an override header with the given lines, well-formed or
// not, has a name and a version that some glob stands for. It is the meaning of [WithinPattern].
func Within(values []string, globs []Glob) bool {
	if checkUTF8(values) != nil {
		return false
	}
	for w := (walk{}); w.next(values); {
		head, _, _ := strings.Cut(w.text, ";")
		name, version, found := strings.Cut(trimRight(head), ":")
		if w.text != "" && !(found && slices.ContainsFunc(globs, func(g Glob) bool { return g.permits(name, version) })) {
			return false
		}
	}
	return true
}

// WithinPattern matches an override header all of whose members are ones that some of the globs
// stand for. There is at least one glob.
func WithinPattern(globs []Glob) string {
	heads := make([]string, len(globs))
	for i := range globs {
		heads[i] = globs[i].pattern()
	}
	slices.Sort(heads)
	return `(?:` + space + `(?:` + alternatives(slices.Compact(heads)) + space + `(?:;[^,]*)?)?(?:,|$))*`
}

// CheckGlobs returns an error if no pattern can hold all of some globs.
func CheckGlobs(globs []Glob) error {
	if len(globs) == 0 {
		return errors.New("no member is permitted")
	}
	if n := len(WithinPattern(globs)); n > MaxPatternBytes {
		return fmt.Errorf("the members that are permitted need a pattern of %d bytes, and proxies accept %d: write fewer, or shorter ones", n, MaxPatternBytes)
	}
	return nil
}
