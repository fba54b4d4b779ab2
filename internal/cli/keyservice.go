package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
)

// keyService is a flag that names a Service with public keys, as NAME.NAMESPACE[:PORT][/PATH].
type keyService struct{ to *v1alpha1.KeyService }

// keyPath is a path that the definition of the policies accepts.
var keyPath = regexp.MustCompile(`^/[A-Za-z0-9._~/-]*$`)

// Set reads the value.
func (k keyService) Set(text string) error {
	address, path, _ := strings.Cut(text, "/")
	address, port, hasPort := strings.Cut(address, ":")
	out := v1alpha1.KeyService{Port: 80, Path: "/jwks.json"}
	var found bool
	out.Name, out.Namespace, found = strings.Cut(address, ".")
	if !found || grammar.ValidateNamespace(out.Name) != nil || grammar.ValidateNamespace(out.Namespace) != nil {
		return fmt.Errorf("%q: want NAME.NAMESPACE of a Service, perhaps with :PORT and /PATH", text)
	}
	if hasPort {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return fmt.Errorf("%q: %q is not a port", text, port)
		}
		out.Port = int32(number)
	}
	if path != "" {
		if out.Path = "/" + path; !keyPath.MatchString(out.Path) {
			return fmt.Errorf("%q: %q is not a path of letters, digits and ._~/-", text, out.Path)
		}
	}
	*k.to = out
	return nil
}

// String returns the value; empty if it is not set.
func (k keyService) String() string {
	if k.to == nil || k.to.Name == "" {
		return ""
	}
	return fmt.Sprintf("%s.%s:%d%s", k.to.Name, k.to.Namespace, k.to.Port, k.to.Path)
}

// Type names the kind of value.
func (k keyService) Type() string { return "service" }
