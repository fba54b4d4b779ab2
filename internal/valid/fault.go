package valid

import (
	istioapi "istio.io/api/networking/v1alpha3"
)

// fault follows validation.go: validateHTTPFaultInjection.
func (c *Checker) fault(at *path, f *istioapi.HTTPFaultInjection) {
	if f == nil {
		return
	}
	fault := at.field("fault")
	if f.GetAbort() == nil && f.GetDelay() == nil {
		c.add(&fault, "neither abort nor delay is set")
	}
	if f.GetAbort() != nil {
		here := fault.field("abort")
		c.abort(&here, f.GetAbort())
	}
	if f.GetDelay() != nil {
		here := fault.field("delay")
		c.delay(&here, f.GetDelay())
	}
}

// abort follows validation.go: validateHTTPFaultInjectionAbort.
func (c *Checker) abort(at *path, a *istioapi.HTTPFaultInjection_Abort) {
	c.percentage(at, a.GetPercentage())
	switch kind := a.GetErrorType().(type) {
	case *istioapi.HTTPFaultInjection_Abort_GrpcStatus:
		if !isGRPCStatus(kind.GrpcStatus) {
			here := at.field("grpcStatus")
			c.add(&here, "%q is not a gRPC status", kind.GrpcStatus)
		}
	case *istioapi.HTTPFaultInjection_Abort_Http2Error:
		here := at.field("http2Error")
		c.add(&here, "Istio does not support it yet")
	case *istioapi.HTTPFaultInjection_Abort_HttpStatus:
		here := at.field("httpStatus")
		c.status(&here, kind.HttpStatus)
	}
}

// isGRPCStatus follows pkg/util/grpc: SupportedGRPCStatus.
func isGRPCStatus(s string) bool {
	switch s {
	case "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
		"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED":
		return true
	}
	return false
}

// delay follows validation.go: validateHTTPFaultInjectionDelay.
func (c *Checker) delay(at *path, d *istioapi.HTTPFaultInjection_Delay) {
	c.percentage(at, d.GetPercentage())
	switch kind := d.GetHttpDelayType().(type) {
	case *istioapi.HTTPFaultInjection_Delay_FixedDelay:
		here := at.field("fixedDelay")
		c.duration(&here, kind.FixedDelay)
	case *istioapi.HTTPFaultInjection_Delay_ExponentialDelay:
		here := at.field("exponentialDelay")
		c.add(&here, "Istio does not support it yet")
	}
}
