package apply

import (
	"fmt"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// LeaseName is the name of the leader's lease.
const LeaseName = "overrides-operator"

// InstanceOf returns the default name of the installation whose lease is in a namespace;
// "" if the namespace is not known.
func InstanceOf(namespace string) string {
	if namespace == "" {
		return ""
	}
	return namespace + "/" + LeaseName
}

// IsForeign reports whether an installation must not change an object that names
// installation of. An object that names none, like those of older operators, may be
// changed.
func IsForeign(of, instance string) bool { return of != "" && of != instance }

// foreign refuses a step for an object of another installation.
func foreign(step plan.Step, seen *Seen, instance string) error {
	if seen == nil || !IsForeign(seen.Instance, instance) {
		return nil
	}
	this := "this one has no name"
	if instance != "" {
		this = "this one is " + instance
	}
	return &Refusal{Step: step, Code: diag.OtherInstance, Message: fmt.Sprintf("it belongs to the installation %s of Overrides, and %s", seen.Instance, this)}
}
