// Package encoded holds an object that is to be written, as the JSON that its back end
// made of it, and prints it as YAML.
package encoded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// Object is one object to be written, in the canonical form of its back end.
type Object struct {
	diag.Object
	// JSON is the object without what only a server fills in.
	JSON []byte
}

// YAML returns o as one YAML document without a separator; the same object
// gives the same bytes. Long lines are not folded: patterns are to be read, and
// searched for, in one piece.
func (o Object) YAML() ([]byte, error) {
	value, err := Decode(o.JSON)
	if err != nil {
		return nil, fmt.Errorf("print %s: %w", o.Object, err)
	}
	out, err := toYAML(numbers(value))
	if err != nil {
		return nil, fmt.Errorf("print %s: %w", o.Object, err)
	}
	return out, nil
}

// Decode reads JSON without making a float of any number: numbers are of type
// [json.Number].
func Decode(data []byte) (any, error) {
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
