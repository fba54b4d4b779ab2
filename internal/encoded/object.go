// Package encoded holds an object to write, as the JSON of its back end, and prints it as
// YAML.
package encoded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// Object is an object to write, in the canonical form of its back end.
type Object struct {
	diag.Object
	// JSON is the object without fields that only a server fills in.
	JSON []byte
}

// YAML returns o as one YAML document without a separator; the same object gives the same
// bytes. Long lines are not folded, so that patterns can be read and searched for in one
// piece.
func (o Object) YAML() ([]byte, error) {
	out, err := toYAML(o.JSON)
	if err != nil {
		return nil, fmt.Errorf("print %s: %w", o.Object, err)
	}
	return out, nil
}

// Decode decodes JSON without converting numbers to floats: numbers have the type
// [json.Number].
func Decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

// numbers returns value with each number as an integer if it is one, and else as a float.
// YAML would write a float of a million as 1e+06, which is not an integer.
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
