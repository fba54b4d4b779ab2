package discover

import (
	"encoding/json"

	"github.com/overrides-mesh/overrides/internal/encoded"
)

// defaultsOf are the defaults of the definition of HTTPRoutes (v1), by the name of the field
// that has them. Those of matches are not among them: matches are written in full.
var defaultsOf = map[string]map[string]any{
	backendRef:           {"group": "", "kind": "Service", "weight": json.Number("1")},
	"backendRef":         {"group": "", "kind": "Service"},
	"requestRedirect":    {"statusCode": json.Number("302")},
	"fraction":           {"denominator": json.Number("100")},
	"cors":               {"maxAge": json.Number("5")},
	"sessionPersistence": {"type": "Cookie"},
	"cookieConfig":       {"lifetimeType": "Session"},
}

// backendRef stands for the items of backendRefs.
const backendRef = "backendRefs"

// withDefaults returns the value of a field of a rule with its defaults, in canonical form.
func withDefaults(raw json.RawMessage, field string) (json.RawMessage, error) {
	value, err := encoded.Decode(raw)
	if err != nil {
		return nil, err
	}
	fillIn(value, field)
	return json.Marshal(value)
}

// fillIn fills in the defaults of a value of a field, and of those below it. It removes
// nulls, which an API server does not keep.
func fillIn(value any, field string) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			fillIn(item, field)
		}
	case map[string]any:
		for key, inner := range v {
			if inner == nil {
				delete(v, key)
				continue
			}
			fillIn(inner, key)
		}
		for key, value := range defaultsOf[field] {
			if _, there := v[key]; !there {
				v[key] = value
			}
		}
	}
}
