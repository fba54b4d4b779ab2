package trail

import "time"

// Record is what one proxy says of one request that it handled.
type Record struct {
	// ID is unique among all records: a collector that gets a record twice keeps one.
	ID string `json:"id"`
	// Side says where in the path of the request the proxy stood.
	Side Side `json:"side"`
	// Proxy is the pod whose proxy this is.
	Proxy Proxy `json:"proxy"`
	// Start is when the first byte of the request arrived, and Duration the time until the last
	// one of the response left.
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration"`

	// RequestID is the header x-request-id, TraceID the ID in traceparent (32 hexadecimal
	// digits), Mark the ID that the member overrides-trace of the override header has; each is
	// empty if the request has none.
	RequestID string `json:"requestId,omitempty"`
	TraceID   string `json:"traceId,omitempty"`
	Mark      string `json:"mark,omitempty"`

	// Header is the override header, its lines joined by commas, without the mark. Baggage has the
	// members of baggage that are overrides, and no others, in the form of the header.
	Header  string `json:"header,omitempty"`
	Baggage string `json:"baggage,omitempty"`

	// Method, Authority and Path are those of the request. Path has no query.
	Method    string `json:"method,omitempty"`
	Authority string `json:"authority,omitempty"`
	Path      string `json:"path,omitempty"`
	Protocol  string `json:"protocol,omitempty"`
	// Status is the code of the response, zero if there was none. Flags are Envoy's names for what
	// went wrong, such as UF (no connection) and NR (no route).
	Status uint32   `json:"status,omitempty"`
	Flags  []string `json:"flags,omitempty"`

	// Route is the name of the row that took the request, and Cluster the one that it led to, in
	// istiod's form: outbound|PORT|SUBSET|HOST.
	Route   string `json:"route,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	// Attempts counts how often the proxy sent the request on.
	Attempts uint32 `json:"attempts,omitempty"`
	// Served is the workload that the proxy sent the request to, as istiod describes it; zero if
	// it does not.
	Served Workload `json:"served,omitzero"`

	// Downstream is the connection that the request came on, and Upstream the one that it was sent
	// on. What is upstream at a caller is downstream at the pod that it calls.
	Downstream Connection `json:"downstream,omitzero"`
	Upstream   Connection `json:"upstream,omitzero"`
}

// Side says where a proxy stood in the path of a request.
type Side string

const (
	// Outbound is the sidecar of the workload that made the call.
	Outbound Side = "outbound"
	// Inbound is the sidecar of the workload that received it.
	Inbound Side = "inbound"
	// Gateway is a gateway, which received the call and made the next one.
	Gateway Side = "gateway"
)

// Proxy is the pod of a proxy, as its node says.
type Proxy struct {
	Pod       string `json:"pod"`
	Namespace string `json:"namespace"`
	Workload  string `json:"workload,omitempty"`
	// Labels are those of the pod that tell versions apart.
	Labels map[string]string `json:"labels,omitempty"`
}

// Workload is a workload that was called.
type Workload struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Revision is the version that istiod derives from the labels of its pods.
	Revision string `json:"revision,omitempty"`
}

// Connection is a connection between two addresses, each IP:PORT.
type Connection struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}
