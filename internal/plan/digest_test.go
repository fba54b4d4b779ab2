package plan

import (
	"reflect"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/route"
)

// TestDigestSeesEverything changes every field of a table, one at a time, and expects a new
// digest each time.
func TestDigestSeesEverything(t *testing.T) {
	t.Parallel()
	table := func() *route.Table {
		out := &route.Table{}
		fill(reflect.ValueOf(out).Elem())
		return out
	}
	seen := map[[32]byte]string{}
	note := func(what string, value *route.Table) {
		t.Helper()
		of, err := digest(&digester{}, value)
		if err != nil {
			t.Fatal(err)
		}
		if same, ok := seen[of]; ok {
			t.Errorf("%s and %s have the same digest", what, same)
		}
		seen[of] = what
	}
	note("the table", table())
	var each func(path string, find func(*route.Table) reflect.Value)
	each = func(path string, find func(*route.Table) reflect.Value) {
		at := find(table())
		changed := table()
		find(changed).SetZero()
		note(path, changed)
		switch {
		case at.Kind() == reflect.Struct:
			for i := range at.NumField() {
				each(path+"."+at.Type().Field(i).Name, func(x *route.Table) reflect.Value { return find(x).Field(i) })
			}
		case at.Kind() == reflect.Slice && at.Type().Elem().Kind() == reflect.Struct:
			each(path+"[0]", func(x *route.Table) reflect.Value { return find(x).Index(0) })
		}
	}
	of := reflect.TypeFor[route.Table]()
	for i := range of.NumField() {
		each(of.Field(i).Name, func(x *route.Table) reflect.Value { return reflect.ValueOf(x).Elem().Field(i) })
	}
	if len(seen) < 35 {
		t.Errorf("only %d fields were changed", len(seen))
	}
	base := table()
	base.Routes[0].Base = &istioapi.HTTPRoute{Name: "another"}
	note("another base", base)
	if a, _ := digest(&digester{}, table()); seen[a] != "the table" {
		t.Error("equal tables have different digests")
	}
}

// fill gives every field a value other than its zero value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint32:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		switch x := v.Interface().(type) {
		case *istioapi.HTTPRoute:
			x.Name = "x"
		case *istioapi.Headers:
			x.Request = &istioapi.Headers_HeaderOperations{Remove: []string{"x"}}
		default:
			fill(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	default:
		panic("no value for " + v.Type().String())
	}
}
