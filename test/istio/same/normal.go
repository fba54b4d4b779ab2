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

// normal brings configuration into the form in which it is compared.
type normal struct{ pin Pin }

// rename turns the name of a cluster, or the SNI that stands for it, into that of
// what it pins; other strings stay.
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

// host is v without its routes and what selects it.
func (n normal) host(v *routev3.VirtualHost) proto.Message {
	out := &routev3.VirtualHost{}
	if v != nil {
		// The routes are not to be copied: there may be many.
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

// cluster is c as the host's own would be. The endpoints of a pinned one are not
// looked at: its pods are.
func (n normal) cluster(c *clusterv3.Cluster) proto.Message {
	out, _ := proto.Clone(c).(*clusterv3.Cluster)
	out.AltStatName = ""
	if n.rename(out.Name) != out.Name && out.LoadAssignment != nil {
		out.LoadAssignment.Endpoints = nil
	}
	n.walk(out.ProtoReflect())
	return out
}

// walk renames all strings in m, also in messages within Any, and takes out what
// names the objects that m comes from.
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

// unpack normalises the message in a; one of a type that is not known stays.
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
