package istio

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/internal/encoded"
)

// specification returns the JSON of a specification: that of its own MarshalJSON, which
// takes three times as long, with all integers as such. The JSON form of protocol buffers
// writes those of 64 bits as strings, which the schemas of Istio's
// CustomResourceDefinitions refuse. There are three of them, all of a DestinationRule's
// consistentHash.
func specification(spec proto.Message) (json.RawMessage, error) {
	data, err := protojson.Marshal(spec)
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

// unquote makes numbers of the integers in every consistentHash within value.
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
