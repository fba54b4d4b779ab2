package oracle

// VirtualService returns "namespace/name" of the VirtualService that contains the route
// of a; "" for a Service's own route, and for none.
func (a Answer) VirtualService() string {
	if a.Route == nil {
		return ""
	}
	return configOf(a.Route.GetMetadata(), "virtual-service")
}
