package chart

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// Value is one value of a chart that is not a group of others.
type Value struct {
	// Name is its path, "image.tag".
	Name string
	// Default is the value in values.yaml, as JSON.
	Default string
	// Description is the description in the schema.
	Description string
}

// Values lists the values of the chart in a folder, in the order of its values.yaml. A
// value that is only there or only in the schema is an error, and so is one without a
// description.
func Values(folder string) ([]Value, error) {
	text, err := os.ReadFile(filepath.Join(folder, "values.schema.json"))
	if err != nil {
		return nil, err
	}
	var schema property
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, fmt.Errorf("decode values.schema.json: %w", err)
	}
	if text, err = os.ReadFile(filepath.Join(folder, "values.yaml")); err != nil {
		return nil, err
	}
	var document yaml3.Node
	if err := yaml3.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("decode values.yaml: %w", err)
	}
	// Every chart has global values, and none has a default for them.
	delete(schema.Properties, "global")
	return list("", document.Content[0], &schema)
}

// property is the schema of a value.
type property struct {
	Description string `json:"description"`
	// Deprecated is set for the old name of another value, which has no default.
	Deprecated bool                `json:"deprecated"`
	Properties map[string]property `json:"properties"`
}

// list lists the values of a mapping.
func list(prefix string, mapping *yaml3.Node, schema *property) ([]Value, error) {
	var out []Value
	seen := map[string]bool{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i].Value, mapping.Content[i+1]
		seen[key] = true
		name := strings.TrimPrefix(prefix+"."+key, ".")
		known, ok := schema.Properties[key]
		switch {
		case !ok:
			return nil, fmt.Errorf("%s is in values.yaml and not in the schema", name)
		case known.Properties != nil:
			inner, err := list(name, value, &known)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
			continue
		case known.Description == "":
			return nil, fmt.Errorf("%s has no description in the schema", name)
		}
		text, err := inline(value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		out = append(out, Value{Name: name, Default: text, Description: known.Description})
	}
	for key, known := range schema.Properties {
		if !seen[key] && !known.Deprecated {
			return nil, fmt.Errorf("%s is in the schema and not in values.yaml", strings.TrimPrefix(prefix+"."+key, "."))
		}
	}
	return out, nil
}

func inline(value *yaml3.Node) (string, error) {
	text, err := yaml3.Marshal(value)
	if err != nil {
		return "", err
	}
	encoded, err := yaml.YAMLToJSON(text)
	return string(encoded), err
}

// valuesTable writes the values of a chart as a Markdown table.
func valuesTable(folder string) (string, error) {
	values, err := Values(folder)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| value | default | meaning |\n|---|---|---|\n")
	for _, v := range values {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s |\n", v.Name, v.Default, v.Description)
	}
	return b.String(), nil
}
