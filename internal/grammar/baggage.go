package grammar

import (
	"errors"
	"strings"
)

// baggagePrefix begins the key of every baggage member that is an override.
const baggagePrefix = "override."

// ParseBaggage reads overrides from W3C Baggage, given the values of all lines of the
// header. It ignores other members, whose key does not begin with "override.", and the
// properties (after ";") of overrides. Otherwise it works as [Parse]; the numbers of
// members count the others too.
//
// Versions are not percent-decoded, since the proxies' patterns can't do that either.
func ParseBaggage(values ...string) ([]Member, error) {
	return collect(nil, values, parseBaggageMember)
}

func parseBaggageMember(text string) (m Member, own bool, err error) {
	item, own := strings.CutPrefix(text, baggagePrefix)
	if !own {
		return Member{}, false, nil
	}
	item, _, _ = strings.Cut(item, ";")
	name, version, found := strings.Cut(item, "=")
	if !found {
		return Member{}, true, errors.New(`no "=", want override.service=version or override.service.namespace=version`)
	}
	if err := checkBytes(item); err != nil {
		return Member{}, true, err
	}
	m, err = named(trimRight(name), trim(version))
	if strings.Contains(item, "%") {
		err = errors.New(`"%": percent-encoding is not decoded, use letters, digits, "-", "_" and "." only`)
	}
	return m, true, err
}
