package discover

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// decodeFunc decodes a document of one kind.
type decodeFunc = func(doc []byte) (metav1.Object, error)

// mostFaults bounds the faults of one object that are reported.
const mostFaults = 5

// explain says, in one line, where doc does not fit its kind and why. A decoder reports
// only the first fault, so explain removes each fault before it asks for the next.
func explain(doc []byte, decode decodeFunc, err error, path string) string {
	var faults []string
	var tree any
	for err != nil && len(faults) < mostFaults {
		if _, ok := errors.AsType[*unknownFields](err); ok {
			break
		}
		if strict, ok := errors.AsType[strictError](err); ok {
			faults = append(faults, strict.explain(path))
			break
		}
		if tree == nil && kjson.UnmarshalCaseSensitivePreserveInts(doc, &tree) != nil {
			return jsonMessage(err)
		}
		l := locator{decode: decode, err: err}
		at := joinPath(path, l.locate(tree, func(v any) any { return v }, "", 0))
		if at == "" {
			return l.reason(at)
		}
		faults = append(faults, at+": "+l.reason(at))
		if l.within == nil {
			break
		}
		delete(l.within, l.key)
		if doc, err = json.Marshal(tree); err == nil {
			_, err = decode(doc)
		}
	}
	return strings.Join(faults, "; ")
}

// explain names the fields of e, below a path.
func (e strictError) explain(path string) string {
	var lines []string
	for _, finding := range e.findings {
		var field kjson.FieldError
		switch {
		case errors.As(finding, &field):
			near := ""
			if isUnknownField(finding) && e.decoded != nil {
				near = meantField(e.decoded, field.FieldPath())
			}
			field.SetFieldPath(joinPath(path, field.FieldPath()))
			if lines = append(lines, finding.Error()); near != "" {
				lines[len(lines)-1] += ": did you mean " + near + "?"
			}
		default:
			lines = append(lines, joinPath(path, finding.Error()))
		}
	}
	return strings.Join(lines, "; ")
}

// locator finds the field that an error is about. Decoders don't say it, or not all of it:
// encoding/json leaves out indices, and types with a decoder of their own leave out
// everything. So the locator decodes each child of a value without its siblings; the first
// that fails has the fault.
type locator struct {
	decode decodeFunc
	// err is the error of the innermost value so far.
	err error
	// value is that value.
	value any
	// within is the innermost object around it, and key the field of within that it is, or
	// that has the list it is in; within is nil for the whole document.
	within map[string]any
	key    string
}

// locate descends into value; whole puts a value back to its place in an otherwise empty
// document.
func (l *locator) locate(value any, whole func(any) any, path string, depth int) string {
	l.value = value
	if depth == 64 {
		return path
	}
	switch v := value.(type) {
	case map[string]any:
		if l.fails(whole(map[string]any{})) {
			return path
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			alone := func(x any) any { return whole(map[string]any{key: x}) }
			if l.fails(alone(v[key])) {
				l.within, l.key = v, key
				return l.locate(v[key], alone, keyPath(path, key), depth+1)
			}
		}
	case []any:
		if l.fails(whole([]any{})) {
			return path
		}
		for i := range v {
			alone := func(x any) any { return whole([]any{x}) }
			if l.fails(alone(v[i])) {
				return l.locate(v[i], alone, fmt.Sprintf("%s[%d]", path, i), depth+1)
			}
		}
	}
	return path
}

// fails reports whether a document can't be decoded; other findings don't count.
func (l *locator) fails(tree any) bool {
	doc, err := json.Marshal(tree)
	if err != nil {
		return false
	}
	_, err = l.decode(doc)
	_, strict := errors.AsType[strictError](err)
	_, unknown := errors.AsType[*unknownFields](err)
	if err == nil || strict || unknown {
		return false
	}
	l.err = err
	return true
}

// reason says why the value, which is at a path, does not fit.
func (l *locator) reason(at string) string {
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](l.err); ok {
		if wanted := describeType(mismatch.Type); wanted != "" {
			return fmt.Sprintf("is %s, but must be %s%s", describeValue(l.value), wanted, quoted(at, l.value))
		}
	}
	return fmt.Sprintf("%s does not fit: %s", describeValue(l.value), jsonMessage(l.err))
}

// quoted says to quote a value of a label, a selector or an annotation that YAML reads as a
// number or as a boolean.
func quoted(at string, value any) string {
	_, isText := value.(string)
	_, isMap := value.(map[string]any)
	_, isList := value.([]any)
	if isText || isMap || isList || value == nil || !strings.Contains(at, "abels") && !strings.Contains(at, "annotations") && !strings.Contains(at, "elector") {
		return ""
	}
	return ": put it in quotes"
}

// jsonMessage returns the message of an error without the name of its package.
func jsonMessage(err error) string {
	message := err.Error()
	for _, prefix := range []string{"json: ", "proto: ", "yaml: "} {
		message = strings.TrimPrefix(message, prefix)
	}
	return strings.Join(strings.Fields(message), " ")
}

// describe says what kind of JSON value doc is.
func describe(doc []byte) string {
	var value any
	if json.Unmarshal(doc, &value) != nil {
		return "not JSON"
	}
	return describeValue(value)
}

func describeValue(value any) string {
	switch v := value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		if len(v) > 40 {
			v = strings.ToValidUTF8(v[:40], "") + "…"
		}
		return fmt.Sprintf("the string %q", v)
	case bool:
		return fmt.Sprintf("%t", v)
	case nil:
		return "null"
	}
	return fmt.Sprintf("the number %v", value)
}

func describeType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number (%s)", t.Kind())
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	default:
		return ""
	}
}

// keyPath appends a key to a path. A key with dots is in brackets, as in
// metadata.labels["app.kubernetes.io/name"].
func keyPath(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\"") {
		return fmt.Sprintf("%s[%q]", path, key)
	}
	return joinPath(path, key)
}

// joinPath appends a path to a path.
func joinPath(path, next string) string {
	switch {
	case next == "":
		return path
	case path == "" || strings.HasPrefix(next, "["):
		return path + next
	}
	return path + "." + next
}

func textOr(value any, otherwise string) string {
	switch v := value.(type) {
	case string:
		return v
	case nil:
		return otherwise
	}
	return ""
}

// missing says which of apiVersion and kind an object lacks.
func missing(h *head, apiVersion string) string {
	switch {
	case h.APIVersion != nil && apiVersion == "":
		return "apiVersion is " + describeValue(h.APIVersion)
	case h.Kind != nil && textOr(h.Kind, "") == "":
		return "kind is " + describeValue(h.Kind)
	case apiVersion == "" && h.Kind == nil:
		return "apiVersion and kind are missing"
	case apiVersion == "":
		return "apiVersion is missing"
	}
	return "kind is missing"
}
