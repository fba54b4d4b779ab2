package edge

// Extraction is an extraction.
type Extraction struct {
	extraction
	Pattern, Expression string
}

// Of evaluates it on the text that it reads.
func (e *Extraction) Of(text string) string {
	in := &Incoming{Host: text}
	if e.header != "" {
		in.Header = map[string][]string{e.header: {text}}
	}
	return e.of(in)
}

func exported(list ...extraction) []Extraction {
	var out []Extraction
	for _, e := range list {
		out = append(out, Extraction{e, e.pattern, e.expression()})
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

// CutParameter takes a parameter out of a path.
func CutParameter(path, name string) string { return cutParameter(path, name) }

// LinkValue matches the values of links.
const LinkValue = linkValue
