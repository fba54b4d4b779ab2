package apply

import (
	"fmt"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// LeaseName is that of the lease of the operator that leads.
const LeaseName = "overrides-operator"

// InstanceOf returns the name of the installation whose lease is in a namespace, unless it
// was given another one; "" where the namespace is not known.
func InstanceOf(namespace string) string {
	if namespace == "" {
		return ""
	}
	return namespace + "/" + LeaseName
}

// IsForeign reports whether an object that says that it is of one installation is to be
// left alone by another. One that says nothing is anybody's, as those of older operators.
func IsForeign(of, instance string) bool { return of != "" && of != instance }

// foreign refuses a step for an object that belongs to another installation.
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
