package compile

// Door is one way to the pods of a Service that has previews.
type Door struct {
	Kind DoorKind `json:"kind"`
	// Name says which: an object, a host or a port.
	Name string `json:"name,omitempty"`
	// Callers says who comes in by it, where not everybody does.
	Callers string `json:"callers,omitempty"`
	// Unknown is the VirtualService that decides, where what it says is not known.
	Unknown string `json:"unknown,omitempty"`
	// Pinned is set where no ordinary request reaches a preview by it.
	Pinned bool `json:"pinned"`
}

// DoorKind says what sort of way a door is.
type DoorKind string

const (
	// DoorSidecars is calls by the Service's own names, through sidecars.
	DoorSidecars DoorKind = "Sidecars"
	// DoorRoute is a route of a VirtualService for another host.
	DoorRoute DoorKind = "Route"
	// DoorMirror is copies of requests.
	DoorMirror DoorKind = "Mirror"
	// DoorSubset is a subset of a user's, wide enough to hold a preview.
	DoorSubset DoorKind = "Subset"
	// DoorServiceEntry is a ServiceEntry that selects the same pods.
	DoorServiceEntry DoorKind = "ServiceEntry"
	// DoorGateway is a VirtualService on a gateway.
	DoorGateway DoorKind = "Gateway"
	// DoorEntrance is an Ingress, or a route of the Gateway API on a gateway.
	DoorEntrance DoorKind = "Entrance"
	// DoorExposed is a port of the nodes, a load balancer or an external address.
	DoorExposed DoorKind = "Exposed"
	// DoorNoSidecar is callers whose pods have no sidecar.
	DoorNoSidecar DoorKind = "NoSidecar"
	// DoorDetectedPort is a port whose protocol is detected, for what is not HTTP.
	DoorDetectedPort DoorKind = "DetectedPort"
	// DoorOtherPort is a port that does not carry HTTP.
	DoorOtherPort DoorKind = "OtherPort"
)
