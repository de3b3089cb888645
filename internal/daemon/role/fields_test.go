package role

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/wire"
)

var updateFields = flag.Bool("update", false, "write the numbers of new fields down")

const fieldsFile = "testdata/fields"

// field is how a field travels: under its number, as a value of that form.
type field struct {
	no   uint64
	form string
}

// Every field travels, under the number that it always had and in the same form: the
// other process may be of another version of the program, and would take the bytes of
// one form for another value of the other.
func TestNumbersOfFieldsStay(t *testing.T) {
	now := map[string]field{}
	probe(t, reflect.TypeFor[config.Config](), func(v reflect.Value) []byte {
		return wire.Append(&wire.Fields{}, nil, v.Addr().Interface().(*config.Config), configFields)
	}, now)
	probe(t, reflect.TypeFor[Boot](), func(v reflect.Value) []byte {
		return wire.Append(&wire.Fields{}, nil, v.Addr().Interface().(*Boot), bootFields)
	}, now)
	for _, behind := range []string{"role.Boot.Config", "role.Boot.ID", "role.Boot.Kept"} {
		if now[behind].no != 0 {
			t.Errorf("%s is a field", behind) // it travels behind them
		}
		delete(now, behind)
	}
	text, err := os.ReadFile(fieldsFile)
	if err != nil && !*updateFields {
		t.Fatal(err)
	}
	was := map[string]field{}
	for line := range strings.Lines(string(text)) {
		var name string
		var f field
		if _, err := fmt.Sscan(line, &name, &f.no, &f.form); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		was[name] = f
	}
	given := map[string]string{}
	for _, list := range []map[string]field{was, now} {
		for name, f := range list {
			of := fmt.Sprint(name[:strings.LastIndexByte(name, '.')], " ", f.no)
			if other := given[of]; other != "" && other != name {
				t.Errorf("%s and %s have the number %d", other, name, f.no)
			}
			given[of] = name
		}
	}
	missing := false
	for name, f := range now {
		switch old, ok := was[name]; {
		case f.no == 0:
			t.Errorf("%s does not travel: give it a number", name)
		case !ok:
			was[name], missing = f, true
			if !*updateFields {
				t.Errorf("%s is not in %s: go test ./internal/daemon/role -update", name, fieldsFile)
			}
		case old != f:
			t.Errorf("%s has the number %d as %s, it was %d as %s: give it the next number", name, f.no, f.form, old.no, old.form)
		}
	}
	if *updateFields && missing && !t.Failed() {
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(was)) {
			fmt.Fprintln(&b, name, was[name].no, was[name].form)
		}
		if err := os.WriteFile(fieldsFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// probe finds the number of each field below root, by a value that has nothing but
// this field; 0: it is not written.
func probe(t *testing.T, root reflect.Type, write func(reflect.Value) []byte, numbers map[string]field) {
	// set makes a root whose only content is what is done to a struct of the type,
	// which stands so deep in it.
	var below func(typ reflect.Type, depth int, set func(func(reflect.Value)) reflect.Value)
	below = func(typ reflect.Type, depth int, set func(func(reflect.Value)) reflect.Value) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := typ.String() + "." + f.Name
			if _, done := numbers[name]; done {
				continue
			}
			numbers[name] = field{}
			v := set(func(s reflect.Value) { fill(t, s.Field(i), name) })
			none := set(func(reflect.Value) {})
			if b := write(v); string(b) != string(write(none)) {
				numbers[name] = field{numberAt(t, b, depth), form(f.Type)}
			}
			inner, into := f.Type, func(v reflect.Value) reflect.Value { return v }
			switch inner.Kind() {
			case reflect.Slice:
				inner = inner.Elem()
				into = func(v reflect.Value) reflect.Value {
					v.Set(reflect.MakeSlice(v.Type(), 1, 1))
					return v.Index(0)
				}
			case reflect.Pointer:
				inner = inner.Elem()
				into = func(v reflect.Value) reflect.Value {
					v.Set(reflect.New(v.Type().Elem()))
					return v.Elem()
				}
			}
			if inner.Kind() == reflect.Struct && strings.HasPrefix(inner.PkgPath(), "holdfast/") {
				below(inner, depth+1, func(do func(reflect.Value)) reflect.Value {
					return set(func(s reflect.Value) { do(into(s.Field(i))) })
				})
			}
		}
	}
	below(root, 0, func(do func(reflect.Value)) reflect.Value {
		v := reflect.New(root).Elem()
		do(v)
		return v
	})
}

// form is what package wire makes of a type. All whole numbers with a sign are of one
// form, and all without.
func form(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[time.Time]():
		return typ.String()
	}
	switch typ.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "uint"
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", typ.Len(), form(typ.Elem()))
	case reflect.Slice:
		switch of := form(typ.Elem()); {
		case typ.Elem().Kind() == reflect.Uint8:
			return "bytes"
		case of == "uint":
			return "[]int" // see wire.Ints
		default:
			return "[]" + of
		}
	case reflect.Pointer:
		return form(typ.Elem())
	}
	return typ.Kind().String()
}

// numberAt is the number of the field that is so deep in b.
func numberAt(t *testing.T, b []byte, depth int) uint64 {
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatal("cut short")
		}
		b = b[n:]
		return v
	}
	head := number()
	if depth == 0 {
		return head >> 3
	}
	if head&7 == 3 { // several, of which there is one
		number()
	}
	return numberAt(t, b, depth-1)
}
