package istio

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/internal/encoded"
)

// specification returns the JSON of a specification. It equals that of its own
// MarshalJSON, which takes three times as long, except that all integers are numbers. The
// JSON form of protocol buffers writes 64-bit integers as strings, which the schemas of
// Istio's CustomResourceDefinitions refuse. There are three of them, all in a
// DestinationRule's consistentHash.
func specification(spec proto.Message) (json.RawMessage, error) {
	data, err := protojson.MarshalOptions{}.MarshalAppend(make([]byte, 0, 2*proto.Size(spec)), spec)
	if err != nil || !bytes.Contains(data, []byte(`"consistentHash"`)) {
		return data, err
	}
	value, err := encoded.Decode(data)
	if err != nil {
		return nil, err
	}
	unquote(value)
	return json.Marshal(value)
}

// unquote turns the integers in every consistentHash within value into numbers.
func unquote(value any) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			unquote(element)
		}
	case map[string]any:
		for _, element := range v {
			unquote(element)
		}
		hash, ok := v["consistentHash"].(map[string]any)
		if !ok {
			return // a label may have that name
		}
		unquoteField(hash, "minimumRingSize")
		for _, algorithm := range []string{"ringHash", "maglev"} {
			if settings, ok := hash[algorithm].(map[string]any); ok {
				unquoteField(settings, "minimumRingSize")
				unquoteField(settings, "tableSize")
			}
		}
	}
}

func unquoteField(of map[string]any, name string) {
	if text, ok := of[name].(string); ok {
		of[name] = json.Number(text)
	}
}
