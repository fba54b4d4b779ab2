//go:build !istio_1_30

package validate_test

import (
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"pgregory.net/rapid"
)

// words are strings that some rule accepts or rejects.
var words = []string{
	"", "*", ".", "~", "mesh", "web", "web.shop", "web.shop.svc.cluster.local", "*.example.com", "*.com", "*-x.example.com", "*x",
	"*--x", "x*", "example.com", "example.com.", "a..b", "UPPER.example", "a_b", "-a", "a-", "a.1", "a.99999999999999999999", "a.b.c",
	"1.2.3.4", "2001:db8::1", "10.0.0.0/8", "10.0.0.0/33", "outbound_.80_._.web.shop", "outbound_.x_._.web", "outbound_x",
	"shop/gateway", "shop/", "/gateway", "shop/a.b", "shop/gateway/x", "gateway.shop", "shop", "other", "SHOP",
	"x-user", "X-User", "x user", "x_user", "é", "a:b", ":authority", ":path", ":Path", "Host", "host", ":status",
	"@request.auth.claims", "@request.auth.claims.sub", "@request.auth.claims[sub]", "@Request.Auth.Claims.x", "@request.auth.claims[]",
	"v1", "value", "%", "%%", "100%", "%HOSTNAME%", "%REQ(x)%", `%V(["a", "b"])%`, `%V(["a)%`, "%V( a)", "%V(\\", "a\nb", "a\tb", "\x7f",
	".*", "*", "(", "[a-", "a{2}", "a{1001}", "(?:a|b)*", "a**", `\d+`, `\pN`, "[[:alpha:]]", "(?i)a", strings.Repeat("a", 63),
	strings.Repeat("a", 64), strings.Repeat("a", 1024), strings.Repeat("b", 1025), strings.Repeat("abcdefg.", 32) + "com",
	"GET", "POST", "get", "CONNECT", "http", "https", "5xx", "5xx,reset", "5xx, reset", "503", "306", "418", "+200", "nonsense",
	"OK", "NOT_FOUND", "14", "app", "example.com/app", "a/b/c", "app*", "region/zone", "region", "region/*", "region/zone/*", "r*",
	"topology.kubernetes.io/region", "topology.istio.io/subzone", "configmap://shop/ca", "configmap://other/ca", "configmap://ca",
	"configmap:///ca", "configmap://shop/", "kubernetes://x", "name",
}

var (
	int32s  = []int32{0, 1, -1, 50, 80, 99, 100, 101, 200, 599, 600, 601, 1000, 65535, 65536, math.MaxInt32, math.MinInt32}
	uint32s = []uint32{0, 1, 50, 80, 99, 100, 101, 199, 200, 299, 300, 399, 400, 599, 600, 601, 65535, 65536, math.MaxUint32}
	uint64s = []uint64{0, 1, 2, 3, 4, 9, 1024, 65536, 65537, 5000011, 5000009, 4999999}
	doubles = []float64{0, 0.00001, 0.0001, 0.5, 50, 100, 100.5, -1, math.NaN(), math.Inf(1)}
	lengths = []*durationpb.Duration{
		{},
		{Nanos: 1},
		{Nanos: 999_999},
		{Nanos: 1_000_000},
		{Nanos: 1_500_000},
		{Seconds: 1},
		{Seconds: 3600},
		{Seconds: 3601},
		{Seconds: -1},
		{Seconds: -1, Nanos: -5},
		{Seconds: 9_223_372_035},
		{Seconds: 9_223_372_037},
		{Seconds: 315_576_000_000},
	}
)

// mutate changes one field of m, or of a message within it.
func mutate(t *rapid.T, m protoreflect.Message) {
	nodes := messages(m)
	node := nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "node")]
	fields := node.Descriptor().Fields()
	change(t, node, fields.Get(rapid.IntRange(0, fields.Len()-1).Draw(t, "field")))
	for _, within := range messages(m) {
		for _, name := range newer {
			if f := within.Descriptor().Fields().ByName(name); f != nil {
				within.Clear(f)
			}
		}
	}
}

// newer are the fields of Istio's API 1.32 that the schemas of Istio 1.31 don't have.
var newer = []protoreflect.Name{"backend_utilization", "ca_cert_credential_name", "failure_percentage_threshold"}

// messages lists m and all messages within it that can be changed, in a fixed order.
func messages(m protoreflect.Message) []protoreflect.Message {
	out := []protoreflect.Message{m}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case !m.Has(f):
		case f.IsMap() && f.MapValue().Message() != nil:
			for _, key := range keys(m.Get(f).Map()) {
				if v := m.Get(f).Map().Get(key).Message(); v.IsValid() {
					out = append(out, messages(v)...)
				}
			}
		case f.IsList() && f.Message() != nil:
			for j := range m.Get(f).List().Len() {
				if v := m.Get(f).List().Get(j).Message(); v.IsValid() {
					out = append(out, messages(v)...)
				}
			}
		case f.IsMap() || f.IsList() || f.Message() == nil || f.Message().FullName() == "google.protobuf.Duration":
		default:
			out = append(out, messages(m.Get(f).Message())...)
		}
	}
	return out
}

func keys(m protoreflect.Map) []protoreflect.MapKey {
	var out []protoreflect.MapKey
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool { out = append(out, k); return true })
	slices.SortFunc(out, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	return out
}

func change(t *rapid.T, m protoreflect.Message, f protoreflect.FieldDescriptor) {
	const depth = 3
	how := rapid.IntRange(0, 5).Draw(t, "how")
	switch {
	case how == 0:
		m.Clear(f)
	case f.IsMap():
		entries := m.Mutable(f).Map()
		if known := keys(entries); how == 1 && len(known) > 0 {
			entries.Clear(known[0])
			return
		}
		key := protoreflect.ValueOfString(word(t)).MapKey()
		entries.Set(key, value(t, f.MapValue(), entries.NewValue(), depth))
	case f.IsList():
		list := m.Mutable(f).List()
		switch {
		case how == 1 && list.Len() > 0:
			list.Truncate(list.Len() - 1)
		case how == 2 && list.Len() > 0:
			list.Append(again(list.Get(0)))
		default:
			list.Append(value(t, f, list.NewElement(), depth))
		}
	case f.Kind() == protoreflect.StringKind && how < 3:
		m.Set(f, protoreflect.ValueOfString(misspell(t, m.Get(f).String())))
	default:
		m.Set(f, value(t, f, m.NewField(f), depth))
	}
}

func again(v protoreflect.Value) protoreflect.Value {
	if m, ok := v.Interface().(protoreflect.Message); ok {
		return protoreflect.ValueOfMessage(proto.Clone(m.Interface()).ProtoReflect())
	}
	return v
}

// value draws a value of a field; empty is a new one of its type.
func value(t *rapid.T, f protoreflect.FieldDescriptor, empty protoreflect.Value, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(word(t))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.SampledFrom(int32s).Draw(t, "int32"))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(rapid.SampledFrom(uint32s).Draw(t, "uint32"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.SampledFrom(uint64s).Draw(t, "uint64"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.SampledFrom(doubles).Draw(t, "double"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(word(t)))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.SampledFrom([]int32{0, 1, 2, 3, 77}).Draw(t, "enum")))
	case protoreflect.MessageKind:
		if f.Message().FullName() == "google.protobuf.Duration" {
			d := rapid.SampledFrom(lengths).Draw(t, "duration")
			return protoreflect.ValueOfMessage(proto.Clone(d).ProtoReflect())
		}
		m := empty.Message()
		fields := m.Descriptor().Fields()
		for i := range fields.Len() {
			if depth > 0 && rapid.IntRange(0, 2).Draw(t, "has") == 0 {
				fill(t, m, fields.Get(i), depth-1)
			}
		}
		return protoreflect.ValueOfMessage(m)
	default:
		t.Fatalf("field %s is of a kind that no value is drawn for", f.FullName())
		return empty
	}
}

func fill(t *rapid.T, m protoreflect.Message, f protoreflect.FieldDescriptor, depth int) {
	switch {
	case f.IsMap():
		entries := m.Mutable(f).Map()
		entries.Set(protoreflect.ValueOfString(word(t)).MapKey(), value(t, f.MapValue(), entries.NewValue(), depth))
	case f.IsList():
		list := m.Mutable(f).List()
		list.Append(value(t, f, list.NewElement(), depth))
	default:
		m.Set(f, value(t, f, m.NewField(f), depth))
	}
}

func word(t *rapid.T) string { return rapid.SampledFrom(words).Draw(t, "word") }

// misspell changes, adds or removes a character of s.
func misspell(t *rapid.T, s string) string {
	at := rapid.IntRange(0, len(s)).Draw(t, "at")
	extra := rapid.SampledFrom([]string{"", "*", ".", "-", "/", "_", "A", "0", " ", "%", "(", ",", strings.Repeat("x", 60)}).Draw(t, "extra")
	rest := s[at:]
	if rest != "" && rapid.Bool().Draw(t, "instead") {
		rest = rest[1:]
	}
	return s[:at] + extra + rest
}
