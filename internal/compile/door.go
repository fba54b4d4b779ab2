package compile

// Door is one way to the pods of a Service that has previews.
type Door struct {
	Kind DoorKind `json:"kind"`
	// Name is that of an object, a host or a port.
	Name string `json:"name,omitempty"`
	// Callers says which callers use it; empty for all.
	Callers string `json:"callers,omitempty"`
	// Unknown is the VirtualService that decides, if a part of it is not known.
	Unknown string `json:"unknown,omitempty"`
	// Pinned is set if no ordinary request reaches a preview by it.
	Pinned bool `json:"pinned"`
}

// DoorKind is the kind of a door.
type DoorKind string

const (
	// DoorSidecars is calls by the Service's own names, through sidecars.
	DoorSidecars DoorKind = "Sidecars"
	// DoorRoute is a route of a VirtualService for another host.
	DoorRoute DoorKind = "Route"
	// DoorMirror is copies of requests.
	DoorMirror DoorKind = "Mirror"
	// DoorSubset is a subset of a user that has pods of a preview.
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
	// DoorDetectedPort is a port whose protocol is detected, for other protocols than HTTP.
	DoorDetectedPort DoorKind = "DetectedPort"
	// DoorOtherPort is a port that does not carry HTTP.
	DoorOtherPort DoorKind = "OtherPort"
)
