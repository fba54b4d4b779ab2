package oracle

// VirtualService returns "namespace/name" of the VirtualService that the route of a comes
// from; "" for a Service's own, and for none.
func (a Answer) VirtualService() string {
	if a.Route == nil {
		return ""
	}
	return configOf(a.Route.GetMetadata(), "virtual-service")
}
