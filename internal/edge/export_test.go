package edge

// Extraction is an extraction, for tests that evaluate it with package regexp.
type Extraction struct {
	Contains      []string
	Domain        string
	Pattern, Made string
	Expression    string
}

func exported(list ...extraction) []Extraction {
	var out []Extraction
	for _, e := range list {
		out = append(out, Extraction{e.contains, e.domain, e.pattern, e.made, e.expression()})
	}
	return out
}

// OfHost, OfCookie, OfCookieMembers and OfBaggage return what Envoy evaluates.
func OfHost(p PreviewHost) Extraction       { return exported(ofHost(p))[0] }
func OfCookie(cookie string) Extraction     { return exported(ofCookie(cookie, "x-override"))[0] }
func OfBaggage() Extraction                 { return exported(ofBaggage())[0] }
func OfCookieMembers(c string) []Extraction { return exported(ofCookieMembers(c, "x-override")...) }

// MaxCookieName and MaxDomainLabels bound the size of patterns.
const (
	MaxCookieName   = maxCookieName
	MaxDomainLabels = maxDomainLabels
)

// Supported matches versions of proxies.
const Supported = supported

// Cut is one way to take a parameter out of a path.
type Cut struct{ When, Pattern, Made string }

// Cuts returns what Envoy evaluates.
func Cuts(name string) []Cut {
	var out []Cut
	for _, c := range cuts(name) {
		out = append(out, Cut{c.when, c.pattern, c.made})
	}
	return out
}

// LinkValue matches the values of links.
const LinkValue = linkValue
