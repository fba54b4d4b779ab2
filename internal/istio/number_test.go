package istio

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	istioapi "istio.io/api/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// TestSpecificationAsIstio compares the JSON of specifications, with any values in any
// fields, with that of Istio's types.
func TestSpecificationAsIstio(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for _, spec := range []interface {
			proto.Message
			json.Marshaler
		}{&istioapi.VirtualService{}, &istioapi.DestinationRule{}} {
			fill(t, spec.ProtoReflect(), 6)
			theirs, err := spec.MarshalJSON()
			ours, ourErr := specification(spec)
			if most := mostBytes(&metav1.ObjectMeta{}, spec); len(ours) > most {
				t.Fatalf("%d bytes, and no more than %d expected", len(ours), most)
			}
			if (err == nil) != (ourErr == nil) {
				t.Fatalf("%v, and not %v", ourErr, err)
			}
			want, _ := json.Marshal(json.RawMessage(theirs))
			got, _ := json.Marshal(ours)
			if !bytes.Equal(want, got) {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
		}
	})
}

// fill sets some fields of a message, and of those within it down to a depth. It leaves
// out hash rings, whose integers are changed on purpose.
func fill(t *rapid.T, message protoreflect.Message, depth int) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.Name() == "consistent_hash" || depth == 0 && f.Message() != nil || rapid.IntRange(0, 3).Draw(t, "set") == 0 {
			continue
		}
		switch {
		case f.IsMap():
			value := message.Mutable(f).Map().NewValue()
			if f.MapValue().Message() != nil {
				fill(t, value.Message(), depth-1)
			} else {
				value = scalar(t, f.MapValue())
			}
			message.Mutable(f).Map().Set(scalar(t, f.MapKey()).MapKey(), value)
		case f.IsList():
			list := message.Mutable(f).List()
			for range rapid.IntRange(0, 2).Draw(t, "elements") {
				if f.Message() != nil {
					fill(t, list.AppendMutable().Message(), depth-1)
				} else {
					list.Append(scalar(t, f))
				}
			}
		case f.Message() != nil && f.Message().FullName() == "google.protobuf.Duration":
			duration := message.Mutable(f).Message()
			duration.Set(duration.Descriptor().Fields().ByName("seconds"), protoreflect.ValueOfInt64(rapid.Int64Range(-9, 1e6).Draw(t, "seconds")))
		case f.Message() != nil:
			fill(t, message.Mutable(f).Message(), depth-1)
		default:
			message.Set(f, scalar(t, f))
		}
	}
}

func scalar(t *rapid.T, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "double"))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).Draw(t, "float"))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(rapid.Int32Range(0, 20).Draw(t, "enum")))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "bytes"))
	default:
		return protoreflect.ValueOfString(rapid.StringN(0, 8, -1).Draw(t, "string"))
	}
}
