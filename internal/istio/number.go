package istio

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// integers returns the JSON of a specification with all integers as such. The JSON
// form of protocol buffers writes those of 64 bits as strings, which the schemas of
// Istio's CustomResourceDefinitions refuse. There are three of them, all of a
// DestinationRule's consistentHash.
func integers(spec json.Marshaler) (json.Marshaler, error) {
	data, err := spec.MarshalJSON()
	if err != nil || !bytes.Contains(data, []byte(`"consistentHash"`)) {
		return json.RawMessage(data), err
	}
	value, err := decode(data)
	if err != nil {
		return nil, err
	}
	unquote(value)
	data, err = json.Marshal(value)
	return json.RawMessage(data), err
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

// decode reads JSON without making a float of any number.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// numbers returns value with each number as the integer that it is, else as a
// float. YAML would write a float of a million as 1e+06, which is no integer.
func numbers(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			return n
		}
		if n, err := v.Float64(); err == nil {
			return n
		}
	}
	return value
}
