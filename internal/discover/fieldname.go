package discover

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
)

// unknownFields says which fields of an object its kind does not have, as far as this
// program knows. The object is decoded without them.
type unknownFields struct {
	findings strictError
	decoded  reflect.Type
}

func (e *unknownFields) Error() string { return e.findings.Error() }

// explain names the fields below a path, but for those that can't decide a route: those that
// are most likely misspelt, and others, which may be newer than this program.
func (e *unknownFields) explain(path string) (misspelt, others []string) {
	for _, finding := range e.findings.findings {
		var field kjson.FieldError
		if !errors.As(finding, &field) || decidesNothing(e.decoded, field.FieldPath()) {
			continue
		}
		text := "there is no field " + joinPath(path, field.FieldPath())
		if near := meantField(e.decoded, field.FieldPath()); near != "" {
			misspelt = append(misspelt, text+": did you mean "+near+"?")
		} else {
			others = append(others, text)
		}
	}
	return misspelt, others
}

// decidesNothing reports whether a field is in a part of an object that is not read.
func decidesNothing(of reflect.Type, path string) bool {
	unread := []string{"status", "metadata.managedFields", "spec.template.spec.", "spec.volumeClaimTemplates"}
	if of.Name() == "Pod" {
		unread = append(unread, "spec.")
	}
	return slices.ContainsFunc(unread, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// tolerantly decodes a document as [strictly] does, but returns unknown fields as
// [unknownFields].
func tolerantly(doc []byte, object metav1.Object) error {
	err := strictly(doc, object, kjson.DisallowDuplicateFields, kjson.DisallowUnknownFields)
	strict, isStrict := errors.AsType[strictError](err)
	if !isStrict {
		return err
	}
	if twice := slices.DeleteFunc(slices.Clone(strict.findings), isUnknownField); len(twice) > 0 {
		return strictError{findings: twice}
	}
	return &unknownFields{findings: strict, decoded: reflect.TypeOf(object).Elem()}
}

func isUnknownField(finding error) bool { return strings.HasPrefix(finding.Error(), "unknown field") }

// meantField returns the name of the field of a type that a path with an unknown field at
// its end most likely means, "" for none.
func meantField(of reflect.Type, path string) string {
	parts := strings.Split(path, ".")
	for _, part := range parts[:len(parts)-1] {
		name, _, _ := strings.Cut(part, "[")
		if of = fieldsOf(of)[name]; of == nil {
			return ""
		}
	}
	var names []string
	for name := range fieldsOf(of) {
		names = append(names, name)
	}
	slices.Sort(names)
	return meant(parts[len(parts)-1], names)
}

// fieldsOf returns the types of the fields of a struct, or of its elements, by their names in
// JSON.
func fieldsOf(of reflect.Type) map[string]reflect.Type {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	out := map[string]reflect.Type{}
	if of.Kind() != reflect.Struct {
		return out
	}
	for f := range of.Fields() {
		switch name, options, _ := strings.Cut(f.Tag.Get("json"), ","); {
		case name != "" && name != "-":
			out[name] = f.Type
		case strings.Contains(options, "inline"):
			maps.Copy(out, fieldsOf(f.Type))
		}
	}
	return out
}

// meantKind returns the kind that an object of no kind that is read most likely has, and
// says what is wrong; nil if it may well be of another kind.
func meantKind(group, kind, apiVersion string) (*Kind, string) {
	for i := range kinds {
		k := &kinds[i]
		use := k.Versions[0]
		if k.Group != "" {
			use = k.Group + "/" + use
		}
		switch {
		case k.Group == group && (strings.EqualFold(kind, k.Name) || len(kind) > len("Pod") && distance(kind, k.Name) == 1):
			return k, fmt.Sprintf("there is no kind %s in %s: did you mean %s?", kind, apiVersion, k.Name)
		case kind == k.Name && isOwnGroup(k.Group) && isOwnGroup(group):
			return k, fmt.Sprintf("there is no kind %s in %s: use apiVersion %s", kind, apiVersion, use)
		case kind == k.Name && isShortWay(group, k.Group):
			return k, fmt.Sprintf("there is no apiVersion %s: did you mean %s?", apiVersion, use)
		}
	}
	return nil, ""
}

// isOwnGroup reports whether a group is one of Kubernetes' own with workloads or Services.
func isOwnGroup(group string) bool { return group == "" || group == "apps" || group == "extensions" }
