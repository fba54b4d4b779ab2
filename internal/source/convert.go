package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v2"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// toJSON converts a document of YAML to JSON with the meaning that kubectl
// gives it (sigs.k8s.io/yaml: YAML 1.1, "yes" is true, keys become strings).
// Other than there, a key given twice is an error, as is anything after the
// document, and aliases can't make the result arbitrarily large.
//
// Of a document that decides no route only the syntax is checked, which takes half
// the time; the result is its type alone.
func toJSON(text []byte) (out []byte, err error) {
	defer func() {
		// The parser reports bad input by panics of its own, which it catches;
		// one that it missed must not take the whole input with it.
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML parser gave up: %v", r)
		}
	}()
	out, isPlain := plainToJSON(text)
	if apiVersion, kind := glance(text); kind != "" && !discover.Wanted(apiVersion, kind, text) {
		var head struct {
			APIVersion any `yaml:"apiVersion" json:"apiVersion"`
			Kind       any `yaml:"kind" json:"kind"`
		}
		if isPlain {
			err = json.Unmarshal(out, &head)
		} else {
			err = decodeYAML(text, &head, false)
		}
		if err != nil {
			return nil, err
		}
		if head.APIVersion == apiVersion && head.Kind == kind {
			return json.Marshal(map[string]string{"apiVersion": apiVersion, "kind": kind})
		}
	}
	if isPlain {
		return out, nil
	}
	return libraryToJSON(text)
}

func libraryToJSON(text []byte) ([]byte, error) {
	var tree any
	if err := decodeYAML(text, &tree, true); err != nil {
		return nil, err
	}
	e := encoder{max: 16*len(text) + 1<<20}
	if err := e.encode(tree); err != nil {
		return nil, err
	}
	return e.out, nil
}

// decodeYAML decodes the only document in text.
func decodeYAML(text []byte, into any, strict bool) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.SetStrict(strict)
	err := d.Decode(into)
	var mismatch *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &mismatch) && strict && bytes.Contains(text, []byte("<<")):
		// The parser takes a key that overrides a merged one for a duplicate.
		return decodeYAML(text, into, false)
	case err != nil:
		return err
	}
	var more any
	if err := d.Decode(&more); err == nil {
		return errors.New("there is more after the end of the document")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// glance reads the type of an object from lines that look like it, or returns
// nothing. It may be mistaken, so that what it says needs to be checked.
func glance(text []byte) (apiVersion, kind string) {
	return glanceField(text, "apiVersion:"), glanceField(text, "kind:")
}

func glanceField(text []byte, key string) string {
	at := 0
	if !bytes.HasPrefix(text, []byte(key)) {
		if at = bytes.Index(text, []byte("\n"+key)) + 1; at == 0 {
			return ""
		}
	}
	line, _, _ := bytes.Cut(text[at+len(key):], []byte("\n"))
	return strings.Trim(string(line), " \t\r\"'")
}

// encoder writes what the YAML parser returns as JSON.
type encoder struct {
	out []byte
	// max bounds out: each alias of a value writes it once more.
	max int
}

func (e *encoder) encode(value any) error {
	if len(e.out) > e.max {
		return errors.New("the document is too large once its aliases are expanded")
	}
	switch v := value.(type) {
	case nil:
		e.out = append(e.out, "null"...)
	case string:
		e.string(v)
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case int:
		e.out = strconv.AppendInt(e.out, int64(v), 10)
	case int64:
		e.out = strconv.AppendInt(e.out, v, 10)
	case uint64:
		e.out = strconv.AppendUint(e.out, v, 10)
	case map[any]any:
		return e.object(v)
	case []any:
		e.out = append(e.out, '[')
		for i := range v {
			if i > 0 {
				e.out = append(e.out, ',')
			}
			if err := e.encode(v[i]); err != nil {
				return err
			}
		}
		e.out = append(e.out, ']')
	default:
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return fmt.Errorf("the number %s can't be expressed in JSON", floatKey(f))
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encode %T: %w", v, err)
		}
		e.out = append(e.out, text...)
	}
	return nil
}

// object writes a mapping with sorted keys, so that equal documents give equal bytes.
func (e *encoder) object(mapping map[any]any) error {
	type entry struct {
		key   string
		value any
	}
	entries := make([]entry, 0, len(mapping))
	for k, v := range mapping {
		key, err := keyText(k)
		if err != nil {
			return err
		}
		entries = append(entries, entry{key, v})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	e.out = append(e.out, '{')
	for i := range entries {
		if i > 0 {
			if entries[i].key == entries[i-1].key {
				return fmt.Errorf("key %q already set in map", entries[i].key)
			}
			e.out = append(e.out, ',')
		}
		e.string(entries[i].key)
		e.out = append(e.out, ':')
		if err := e.encode(entries[i].value); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return nil
}

// string writes a string, most of which need no escapes.
func (e *encoder) string(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string can always be encoded
			e.out = append(e.out, quoted...)
			return
		}
	}
	e.out = append(e.out, '"')
	e.out = append(e.out, s...)
	e.out = append(e.out, '"')
}

// keyText makes a string of a key, as sigs.k8s.io/yaml does.
func keyText(key any) (string, error) {
	switch k := key.(type) {
	case string:
		return k, nil
	case int:
		return strconv.Itoa(k), nil
	case int64:
		return strconv.FormatInt(k, 10), nil
	case uint64:
		return strconv.FormatUint(k, 10), nil
	case bool:
		return strconv.FormatBool(k), nil
	case float64:
		return floatKey(k), nil
	}
	return "", fmt.Errorf("invalid map key: %v", key)
}

func floatKey(f float64) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 32)
}
