package same

import (
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// normal normalizes configuration for comparison.
type normal struct{ pin Pin }

// rename converts the name of a cluster, or the SNI that represents it, to that of its
// pinned target; other strings are unchanged.
func (n normal) rename(name string) string {
	for _, separator := range []string{"|", "_."} {
		parts := strings.Split(name, separator)
		if len(parts) < 4 || parts[0] != "outbound" {
			continue
		}
		host := strings.Join(parts[3:], separator)
		if pinned, ok := n.pin(host, parts[2]); ok {
			return strings.Join([]string{parts[0], parts[1], pinned.Subset, pinned.Host}, separator)
		}
	}
	return name
}

// host is v without its routes and its domains.
func (n normal) host(v *routev3.VirtualHost) proto.Message {
	out := &routev3.VirtualHost{}
	if v != nil {
		// This does not copy the routes: there may be many.
		bare := &routev3.VirtualHost{}
		v.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			if field.Name() != "routes" {
				bare.ProtoReflect().Set(field, value)
			}
			return true
		})
		out, _ = proto.Clone(bare).(*routev3.VirtualHost)
	}
	out.Name, out.Domains = "", nil
	n.walk(out.ProtoReflect())
	return out
}

// cluster is c as the host's own cluster would be. It ignores the endpoints of a pinned
// cluster, whose pods are compared instead.
func (n normal) cluster(c *clusterv3.Cluster) proto.Message {
	out, _ := proto.Clone(c).(*clusterv3.Cluster)
	out.AltStatName = ""
	if n.rename(out.Name) != out.Name && out.LoadAssignment != nil {
		out.LoadAssignment.Endpoints = nil
	}
	n.walk(out.ProtoReflect())
	return out
}

// walk renames all strings in m, including messages in Any, and removes the names of
// source objects.
func (n normal) walk(m protoreflect.Message) {
	switch typed := m.Interface().(type) {
	case *anypb.Any:
		n.unpack(typed)
		return
	case *corev3.Metadata:
		if fields := typed.FilterMetadata["istio"].GetFields(); fields != nil {
			delete(fields, "config")
			delete(fields, "subset")
			if len(fields) == 0 {
				delete(typed.FilterMetadata, "istio")
			}
		}
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsList():
			n.walkList(field, value.List())
		case field.IsMap():
			n.walkMap(field, value.Map())
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(n.rename(value.String())))
		case field.Message() != nil:
			n.walk(value.Message())
		}
		return true
	})
}

func (n normal) walkList(field protoreflect.FieldDescriptor, list protoreflect.List) {
	for i := range list.Len() {
		switch {
		case field.Kind() == protoreflect.StringKind:
			list.Set(i, protoreflect.ValueOfString(n.rename(list.Get(i).String())))
		case field.Message() != nil:
			n.walk(list.Get(i).Message())
		}
	}
}

func (n normal) walkMap(field protoreflect.FieldDescriptor, values protoreflect.Map) {
	values.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		switch {
		case field.MapValue().Kind() == protoreflect.StringKind:
			values.Set(key, protoreflect.ValueOfString(n.rename(value.String())))
		case field.MapValue().Message() != nil:
			n.walk(value.Message())
		}
		return true
	})
}

// unpack normalizes the message in a; a message of an unknown type is unchanged.
func (n normal) unpack(a *anypb.Any) {
	inner, err := a.UnmarshalNew()
	if err != nil {
		return
	}
	n.walk(inner.ProtoReflect())
	if value, err := (proto.MarshalOptions{Deterministic: true}).Marshal(inner); err == nil {
		a.Value = value
	}
}
