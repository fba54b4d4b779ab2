// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

package grammar

import (
	"errors"
	"strings"
)

// baggagePrefix begins the key of every baggage member that is an override.
const baggagePrefix = "override."

// ParseBaggage reads overrides from W3C Baggage, given the values of all lines of the
// header. It ignores other members, whose key is not "override" and does not begin with
// "override.", and the properties (after ";") of overrides. Otherwise it works as [Parse];
// the numbers of members count the others too.
//
// Versions are not percent-decoded, since the proxies' patterns can't do that either.
func ParseBaggage(values ...string) ([]Member, error) {
	return collect(nil, values, parseBaggageMember)
}

func parseBaggageMember(text string) (m Member, own bool, err error) {
	if !ownsBaggage(text) {
		return Member{}, false, nil
	}
	item, _, _ := strings.Cut(text, ";")
	key, version, found := strings.Cut(item, "=")
	if !found {
		return Member{}, true, errors.New(`no "=", want override.service=version or override.service.namespace=version`)
	}
	if err := checkBytes(item); err != nil {
		return Member{}, true, err
	}
	name, hasName := strings.CutPrefix(trimRight(key), baggagePrefix)
	switch {
	case !hasName:
		name = SetName
	case name == SetName:
		return Member{}, true, errors.New(`key "override.*", want override=version for every service with the version`)
	}
	m, err = named(name, trim(version))
	if strings.Contains(item, "%") {
		err = errors.New(`"%": percent-encoding is not decoded, use letters, digits, "-", "_" and "." only`)
	}
	return m, true, err
}
