package diff

import (
	"net/netip"
	"reflect"
	"testing"

	"holdfast/internal/config"
)

// each fills v and hands every value in it that can differ to f.
func each(t *testing.T, path string, v reflect.Value, f func(path string, v reflect.Value)) {
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		*x = netip.MustParseAddr("192.0.2.1")
		f(path, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			each(t, path+"."+v.Type().Field(i).Name, v.Field(i), f)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f(path, v)
		each(t, path, v.Elem(), f)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f(path, v)
		each(t, path+"[0]", v.Index(0), f)
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		f(path, v)
	default:
		t.Errorf("%s: a new kind of field: %v", path, v.Type())
	}
}

// another gives v a value that it does not have.
func another(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(v.Uint() + 1)
	default: // an address, a list, a pointer
		v.SetZero()
	}
}

// TestNoFieldIsOverlooked holds that nothing in a service can change without
// being seen by the quick comparison.
func TestNoFieldIsOverlooked(t *testing.T) {
	a, b := &config.VirtualServer{}, &config.VirtualServer{}
	each(t, "", reflect.ValueOf(a).Elem(), func(string, reflect.Value) {})
	fields := map[string]reflect.Value{}
	each(t, "virtual_server", reflect.ValueOf(b).Elem(), func(path string, v reflect.Value) { fields[path] = v })
	if !sameService(a, b) {
		t.Fatal("two that are the same are not")
	}
	for path, v := range fields {
		was := reflect.New(v.Type()).Elem()
		was.Set(v)
		another(v)
		if sameService(a, b) {
			t.Errorf("%s may change unseen", path)
		}
		v.Set(was)
	}
	if !sameService(a, b) || len(fields) < 100 {
		t.Errorf("%d fields were changed and set back", len(fields))
	}
}
