package trail

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	accesslogdatav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/overrides-mesh/overrides/internal/grammar"
)

// Reader reads what proxies of an installation send.
type Reader struct {
	// Header is the name of the override header, VersionLabel that of the label with a version.
	Header, VersionLabel string
}

// Source is what all entries of one stream have in common.
type Source struct {
	Side  Side
	Proxy Proxy
}

// Longest texts of a record, in bytes. Longer ones are cut: anybody can send records.
const (
	maxName = 253
	maxText = 2048
	// maxLog limits the lines of a carrier.
	maxLog = grammar.MaxHeaderBytes
)

// Source reads the first message of a stream, in which a proxy says who it is. An error says why it
// can't be a proxy with the filter of [Filter].
func (r *Reader) Source(id *accesslogv3.StreamAccessLogsMessage_Identifier) (Source, error) {
	side := Side(id.GetLogName())
	if side != Outbound && side != Inbound && side != Gateway {
		return Source{}, fmt.Errorf("the log %q is not one of %s, %s and %s", cut(id.GetLogName(), maxName), Outbound, Inbound, Gateway)
	}
	fields := id.GetNode().GetMetadata().GetFields()
	text := func(name string) string { return cut(fields[name].GetStringValue(), maxName) }
	p := Proxy{Pod: text("NAME"), Namespace: text("NAMESPACE"), Workload: text("WORKLOAD_NAME")}
	// The ID of a node of Istio's is TYPE~IP~POD.NAMESPACE~DOMAIN.
	if parts := strings.Split(id.GetNode().GetId(), "~"); len(parts) > 2 && (p.Pod == "" || p.Namespace == "") {
		pod, namespace, _ := strings.Cut(parts[2], ".")
		p.Pod, p.Namespace = cmp.Or(p.Pod, cut(pod, maxName)), cmp.Or(p.Namespace, cut(namespace, maxName))
	}
	if p.Pod == "" || p.Namespace == "" {
		return Source{}, fmt.Errorf("the node %q does not name a pod and its namespace", cut(id.GetNode().GetId(), maxName))
	}
	p.Labels = r.labels(fields["LABELS"].GetStructValue())
	return Source{Side: side, Proxy: p}, nil
}

// labels returns the labels that tell versions apart.
func (r *Reader) labels(all *structpb.Struct) map[string]string {
	out := map[string]string{}
	for _, name := range []string{
		r.VersionLabel, "app", "version", "app.kubernetes.io/name", "app.kubernetes.io/version",
		"service.istio.io/canonical-name", "service.istio.io/canonical-revision", "pod-template-hash",
	} {
		if value := all.GetFields()[name].GetStringValue(); name != "" && value != "" {
			out[name] = cut(value, maxName)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// Reason says why an entry is no record; empty if it is one.
type Reason string

const (
	// Unmarked says that the request had no override, no mark and no ID of a marked request.
	Unmarked Reason = "unmarked"
	// Unfinished says that the request went on, or that the entry does not say when it began.
	Unfinished Reason = "unfinished"
)

// Record reads an entry. The record has no ID.
func (r *Reader) Record(s *Source, entry *accesslogdatav3.HTTPAccessLogEntry) (Record, Reason) {
	common, request := entry.GetCommonProperties(), entry.GetRequest()
	switch common.GetAccessLogType() {
	case accesslogdatav3.AccessLogType_NotSet, accesslogdatav3.AccessLogType_DownstreamEnd:
	default:
		return Record{}, Unfinished
	}
	if common.GetStartTime() == nil || !common.GetStartTime().IsValid() {
		return Record{}, Unfinished
	}
	out := Record{
		Side: s.Side, Proxy: s.Proxy, Start: common.GetStartTime().AsTime(), Duration: max(0, common.GetDuration().AsDuration()),
		RequestID: requestID(request.GetRequestId()), TraceID: TraceID(request.GetRequestHeaders()[traceparent]),
		Authority: cut(request.GetAuthority(), maxName), Path: path(request.GetPath()),
		Protocol: protocols[entry.GetProtocolVersion()],
		Status:   entry.GetResponse().GetResponseCode().GetValue(), Flags: flagsOf(common.GetResponseFlags()),
		Route: cut(common.GetRouteName(), maxText), Cluster: cut(common.GetUpstreamCluster(), maxText),
		Attempts: common.GetUpstreamRequestAttemptCount(), Served: workload(common.GetCustomTags()[servedTag]),
		Downstream: Connection{From: address(downstreamOf(common)), To: address(common.GetDownstreamLocalAddress())},
		Upstream:   Connection{From: address(common.GetUpstreamLocalAddress()), To: address(common.GetUpstreamRemoteAddress())},
	}
	if m := request.GetRequestMethod(); m != corev3.RequestMethod_METHOD_UNSPECIFIED {
		out.Method = m.String()
	}
	line, carried := request.GetRequestHeaders()[r.Header]
	out.Header, out.Mark = withoutMark(line)
	baggage, mark := ofBaggage(request.GetRequestHeaders()[grammar.BaggageHeader])
	out.Baggage, out.Mark = baggage, cmp.Or(out.Mark, mark)
	if !carried && out.Baggage == "" && out.Mark == "" && !IsMarked(out.TraceID) {
		return Record{}, Unmarked
	}
	return out, ""
}

// withoutMark returns a line of the override header without the mark, and the mark.
func withoutMark(line string) (rest, mark string) {
	var kept []string
	for member := range strings.SplitSeq(cut(line, maxLog), ",") {
		id, marked := strings.CutPrefix(strings.Trim(member, " \t"), MarkService+":")
		switch {
		case !marked:
			kept = append(kept, member)
		case mark == "":
			id, _, _ = strings.Cut(id, ";")
			mark = cut(strings.Trim(id, " \t"), maxName)
		}
	}
	return strings.Trim(strings.Join(kept, ","), " \t"), mark
}

// ofBaggage returns the overrides of baggage in the form of the header, without the mark, and the
// mark. Members that are not overrides are the business of users.
func ofBaggage(line string) (header, mark string) {
	members, _ := grammar.ParseBaggage(cut(line, maxLog)) // malformed ones are not followed either
	var kept []string
	for _, m := range members {
		if m.Service == MarkService {
			mark = cmp.Or(mark, m.Version)
			continue
		}
		kept = append(kept, m.String())
	}
	return strings.Join(kept, ", "), mark
}

// requestID returns the ID in x-request-id. A sidecar may have put overrides behind it, after "~".
func requestID(text string) string {
	id, _, _ := strings.Cut(text, "~")
	return cut(id, maxName)
}

// TraceID returns the ID in traceparent: VERSION-TRACE-PARENT-FLAGS, as W3C Trace Context has it; empty
// if there is none.
func TraceID(line string) string {
	parts := strings.Split(cut(line, maxName), "-")
	if len(parts) < 4 || len(parts[1]) != 32 || strings.Trim(parts[1], "0123456789abcdef") != "" {
		return ""
	}
	return parts[1]
}

// path returns a path without its query, which may have secrets.
func path(text string) string {
	if at := strings.IndexAny(text, "?#"); at >= 0 {
		text = text[:at]
	}
	return cut(text, maxText)
}

// workload reads "WORKLOAD;NAMESPACE;SERVICE;REVISION;CLUSTER".
func workload(text string) Workload {
	parts := strings.Split(cut(text, maxText), ";")
	if len(parts) < 4 {
		return Workload{}
	}
	return Workload{Name: parts[0], Namespace: parts[1], Revision: parts[3]}
}

// downstreamOf returns the address at the other end of the connection. The one that is not direct may
// be what x-forwarded-for says.
func downstreamOf(c *accesslogdatav3.AccessLogCommon) *corev3.Address {
	if direct := c.GetDownstreamDirectRemoteAddress(); direct != nil {
		return direct
	}
	return c.GetDownstreamRemoteAddress()
}

// address returns IP:PORT; empty for addresses of other kinds.
func address(a *corev3.Address) string {
	socket := a.GetSocketAddress()
	ip, err := netip.ParseAddr(socket.GetAddress())
	if err != nil || socket.GetPortValue() > 65535 {
		return ""
	}
	return netip.AddrPortFrom(ip.Unmap().WithZone(""), uint16(socket.GetPortValue())).String()
}

// protocols are those of HTTP.
var protocols = map[accesslogdatav3.HTTPAccessLogEntry_HTTPVersion]string{
	accesslogdatav3.HTTPAccessLogEntry_HTTP10: "HTTP/1.0", accesslogdatav3.HTTPAccessLogEntry_HTTP11: "HTTP/1.1",
	accesslogdatav3.HTTPAccessLogEntry_HTTP2: "HTTP/2", accesslogdatav3.HTTPAccessLogEntry_HTTP3: "HTTP/3",
}

// flags are the names of response flags in Envoy's text logs (%RESPONSE_FLAGS%).
var flags = map[protoreflect.Name]string{
	"failed_local_healthcheck": "LH", "no_healthy_upstream": "UH", "upstream_request_timeout": "UT", "local_reset": "LR",
	"upstream_remote_reset": "UR", "upstream_connection_failure": "UF", "upstream_connection_termination": "UC",
	"upstream_overflow": "UO", "no_route_found": "NR", "delay_injected": "DI", "fault_injected": "FI", "rate_limited": "RL",
	"unauthorized_details": "UAEX", "rate_limit_service_error": "RLSE", "downstream_connection_termination": "DC",
	"upstream_retry_limit_exceeded": "URX", "stream_idle_timeout": "SI", "invalid_envoy_request_headers": "IH",
	"downstream_protocol_error": "DPE", "upstream_max_stream_duration_reached": "UMSDR", "response_from_cache_filter": "RFCF",
	"no_filter_config_found": "NFCF", "duration_timeout": "DT", "upstream_protocol_error": "UPE", "no_cluster_found": "NC",
	"overload_manager": "OM", "dns_resolution_failure": "DF", "downstream_remote_reset": "DR",
}

// flagsOf returns the names of the flags that are set, sorted.
func flagsOf(set *accesslogdatav3.ResponseFlags) []string {
	var out []string
	proto.Message(set).ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if name := flags[field.Name()]; name != "" {
			out = append(out, name)
		}
		return true
	})
	slices.Sort(out)
	return out
}

// cut returns a copy of a text, at most so many bytes of it, in valid UTF-8. It is a copy so that a
// record keeps nothing else of the entry in memory.
func cut(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.Clone(strings.ToValidUTF8(text, "?"))
}
