package valid

import (
	"math"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"
)

// percentage follows validation.go: validatePercentage.
func (c *Checker) percentage(at *path, p *istioapi.Percent) {
	if p == nil {
		return
	}
	here := at.field("percentage")
	if v := p.GetValue(); v < 0 || v > 100 || (v > 0 && v < 0.0001) {
		c.add(&here, "%v is neither 0 nor between 0.0001 and 100", v)
	}
	c.finite(&here, p.GetValue())
}

// finite checks for a number that JSON has; the schema accepts no others.
func (c *Checker) finite(at *path, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		c.addSchema(at, "%v is not a number", v)
	}
}

// optionalDuration checks a duration if there is one.
func (c *Checker) optionalDuration(at *path, field string, d *durationpb.Duration) {
	if d != nil {
		here := at.field(field)
		c.duration(&here, d)
	}
}

// duration follows pkg/config/validation/agent: ValidateDuration.
func (c *Checker) duration(at *path, d *durationpb.Duration) {
	switch v := d.AsDuration(); {
	case v < time.Millisecond:
		c.add(at, "%v is less than 1ms", v)
	case v%time.Millisecond != 0:
		c.add(at, "%v is not a multiple of 1ms", v)
	}
}

// schemaDuration checks a duration for which only the schema has rules, and which is
// parsed as in Go.
func (c *Checker) schemaDuration(at *path, field string, d *durationpb.Duration) {
	const longest = math.MaxInt64 / int64(time.Second)
	if d != nil && (d.AsDuration() < time.Millisecond || d.GetSeconds() >= longest) {
		here := at.field(field)
		c.addSchema(&here, "it is less than 1ms, or too long")
	}
}

// enum checks that the schema has a name for a value, as in JSON.
func (c *Checker) enum(at *path, field string, value protoreflect.Enum) {
	if value.Descriptor().Values().ByNumber(value.Number()) == nil {
		here := at.field(field)
		c.addSchema(&here, "%d has no name", value.Number())
	}
}
