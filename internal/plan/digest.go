package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"google.golang.org/protobuf/proto"
)

// digest identifies a table or a rule without encoding it, which takes most of the time of
// a plan. It covers every field by reflection, so that none can be forgotten.
func digest[T any](d *digester, value *T) ([sha256.Size]byte, error) {
	d.text, d.err = d.text[:0], nil
	d.add(reflect.ValueOf(value).Elem())
	return sha256.Sum256(d.text), d.err
}

// digester serializes values, with the length or the kind before each part.
type digester struct {
	// text is the serialized value; its memory is reused.
	text []byte
	err  error
}

func (d *digester) number(n uint64) { d.text = binary.AppendUvarint(d.text, n) }

func (d *digester) string(s string) {
	d.number(uint64(len(s)))
	d.text = append(d.text, s...)
}

var protoType = reflect.TypeFor[proto.Message]()

func (d *digester) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		d.string(v.String())
	case reflect.Bool:
		d.text = append(d.text, 0)
		if v.Bool() {
			d.text[len(d.text)-1] = 1
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.text = binary.AppendVarint(d.text, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.number(v.Uint())
	case reflect.Pointer:
		d.pointer(v)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			d.string(string(v.Bytes()))
			return
		}
		d.number(uint64(v.Len()))
		for i := range v.Len() {
			d.add(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() { //nolint:modernize // v.Fields makes names of fields too, which cost more than all the rest
			d.add(v.Field(i))
		}
	case reflect.Map:
		d.pairs(v)
	default:
		d.err = fmt.Errorf("digest %s: unexpected kind", v.Type())
	}
}

func (d *digester) pointer(v reflect.Value) {
	d.number(0)
	if v.IsNil() {
		return
	}
	d.text[len(d.text)-1] = 1
	if !v.Type().Implements(protoType) {
		d.add(v.Elem())
		return
	}
	message, ok := reflect.TypeAssert[proto.Message](v)
	if !ok {
		return
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		d.err = fmt.Errorf("digest %s: %w", v.Type(), err)
	}
	d.number(uint64(len(text)))
	d.text = append(d.text, text...)
}

// pairs adds a map with string keys.
func (d *digester) pairs(v reflect.Value) {
	d.number(uint64(v.Len()))
	if v.Len() < 2 {
		for pairs := v.MapRange(); pairs.Next(); {
			d.string(pairs.Key().String())
			d.add(pairs.Value())
		}
		return
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		switch {
		case a.String() < b.String():
			return -1
		case a.String() > b.String():
			return 1
		}
		return 0
	})
	for _, key := range keys {
		d.string(key.String())
		d.add(v.MapIndex(key))
	}
}
