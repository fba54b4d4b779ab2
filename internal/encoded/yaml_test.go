package encoded

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// compare compares the YAML of JSON with the library's, and reports whether it was printed
// without the library's trees.
func compare(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string,
) bool {
	t.Helper()
	tree, err := Decode([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	want, err := byLibrary(numbers(tree))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got, err := toYAML([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Fatalf("%s: -want +got:\n%s", text, d)
	}
	v, ok := read([]byte(text))
	var p printer
	p.value(&v, 0)
	return ok && v.kind == '{' && !p.stopped
}

func TestYAMLAsLibrary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		// left is what the printer leaves to the library.
		left bool
	}{
		{name: "nested", text: `{"a":{"b":[{"c":1,"d":[]},[2,[3,{}]],{"e":[{"f":{"g":"h"}}]}],"i":{}}}`},
		{name: "values", text: `{"a":null,"b":true,"c":false,"d":-1,"e":9223372036854775807}`},
		{name: "other numbers", text: `{"f":18446744073709551615,"g":1.5,"h":1e30,"i":1e999,"j":-0}`, left: true},
		{name: "words", text: `{"a":["y","N","Yes","on","OFF","true","False","null","~","none","yesterday","<<","="]}`},
		{name: "like numbers", text: `{"a":["1","-1","+1","1.5",".5","1e3","0x1F","0o7","0b1","1_000","1:30","2001-12-15",".inf","-.INF",".nan","1s","10m","-","--","---","...","v1"]}`},
		{name: "indicators", text: `{"a":["#a","a #b","a#b","a: b","a:","a:b","- a","-a","? a","?a","[a","{a","&a","*a","!a","|a",">a","'a'","\"a\"","%a","@a","` + "`a" + `",",a","a,b","a]b"]}`},
		{name: "quotes", text: `{"a":["it's: b","a: 'b'","it's","a \"b\": c","a #'b'","a:","0","007","08","123456789012345678901234567890"]}`},
		{name: "spaces", text: `{"a":[""," ","a "," a","a  b"]}`},
		{name: "tabs", text: `{"a":["\ta","a\tb"]}`, left: true},
		{name: "patterns", text: `{"a":["^(.*,)?\\s*a=b(;.*)?$","(?:[^,\\\\]|\\\\.)*","it's","a: 'b'","[a-z]+: x"]}`},
		{name: "not ASCII", text: `{"a":["é","\u0007","\u00a0","\ufeff","\ud83d\ude00","\u007f"]}`, left: true},
		{name: "lines", text: `{"a":"b\nc\n","d":["e\n\n f\ng"," h\ni","\nj\n",{"k":{"l":"m\n"}},["n\n"]]}`},
		{name: "lines that are quoted", text: `{"a":["a \nb","a\nb "]}`},
		{name: "lines with a tab", text: `{"a":["\ta\nb"]}`, left: true},
		{name: "empty lines at the end", text: `{"a":"b\n\n"}`, left: true},
		{name: "nothing but an empty line", text: `{"a":"\n"}`, left: true},
		{name: "lines that are not ASCII", text: `{"a":"é\nb"}`, left: true},
		{name: "other breaks", text: `{"a":"b\u2028c","d":"e\rf","g":"h\u0085i"}`, left: true},
		{name: "breaks in keys", text: `{"a\u2028b":1}`, left: true},
		{name: "keys", text: `{"":1,"1":2,"a":3,"B":4,"a.b/c":5,"yes":6,"a: b":7,"null":8}`},
		{name: "long key", text: `{"` + strings.Repeat("k", 129) + `":1}`, left: true},
		{name: "long line", text: `{"a":"` + strings.Repeat("word ", 100) + `"}`},
		{name: "natural order", text: `{"v1":0,"v10":0,"v2":0,"v01":0,"v001":0,"v100":0,"v1a":0,"v1.":0,"va":0,"v-":0,"v":0,"v1-10":0,"v1-9":0}`},
		{name: "deep", text: strings.Repeat(`{"a":[`, 40) + strings.Repeat(`]}`, 40)},
		{name: "no mapping", text: `[["a"],"b"]`, left: true},
		{name: "a string", text: `"a\nb"`, left: true},
		{name: "spaces between", text: `{"a": 1}`, left: true},
		{name: "a key given twice", text: `{"a":1,"a":2}`, left: true},
		{name: "floats", text: `{"a":1.5}`, left: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if by := compare(t, c.text); by == c.left {
				t.Errorf("printed by the printer: %v", by)
			}
		})
	}
}

// TestYAMLOfAnything prints values with all that YAML takes for something else.
func TestYAMLOfAnything(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(
		rapid.StringOf(rapid.RuneFrom([]rune("abyn01259.:-+_eExo~<>#?,[]{}&*!|'\"%@` \t\n\\=/é\u0085\u2028\ufeff"))),
		rapid.SampledFrom([]string{"yes", "No", "null", "1.5", "2001-12-15", "0x1F", "app.kubernetes.io/name", "v10", "v9"}),
		rapid.String(),
	)
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		scalar := rapid.OneOf(text.AsAny(), rapid.Int64().AsAny(), rapid.Bool().AsAny(), rapid.Float64Range(-1e9, 1e9).AsAny(), rapid.Just[any](nil))
		if depth == 0 {
			return scalar
		}
		inner := value(depth - 1)
		return rapid.OneOf(scalar, rapid.MapOfN(text, inner, 0, 6).AsAny(), rapid.SliceOfN(inner, 0, 4).AsAny())
	}
	rapid.Check(t, func(t *rapid.T) {
		compare(t, marshal(t, value(4).Draw(t, "value")))
	})
}

func marshal(t *rapid.T, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(text)
}

func FuzzYAML(f *testing.F) {
	f.Add(`{"a":[{"b":"^c: d$"},null,1.5],"e.f/g":{"v10":"yes","v9":""}}`)
	f.Add(`{"a":"b\nc","1":[[],[{}]]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if json.Valid([]byte(text)) {
			compare(t, text)
		} else if _, ok := read([]byte(text)); ok {
			t.Errorf("%q is read, and is not JSON", text)
		}
	})
}

// TestYAMLKeys holds the order of keys against the library's.
func TestYAMLKeys(t *testing.T) {
	t.Parallel()
	keys := rapid.SliceOfNDistinct(rapid.StringOfN(rapid.RuneFrom([]rune("ab0019.-é")), 0, 6, -1), 0, 20, rapid.ID)
	rapid.Check(t, func(t *rapid.T) {
		mapping := map[string]any{}
		for i, key := range keys.Draw(t, "keys") {
			mapping[key] = strconv.Itoa(i)
		}
		compare(t, marshal(t, mapping))
	})
}
