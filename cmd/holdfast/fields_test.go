package main

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/explain"
	"holdfast/internal/daemon/plan"
)

// TestFieldsAreDocumented: each key that status, plan, explain and reload print as JSON
// is in the section of docs/operations.md about it.
func TestFieldsAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		section string
		types   []reflect.Type
	}{
		{"### `holdfast status --json`\n", []reflect.Type{reflect.TypeFor[control.Status](), reflect.TypeFor[control.VRRP](), reflect.TypeFor[control.LVS]()}},
		{"### `holdfast plan --json`, `explain --json` and `reload --json`\n", []reflect.Type{reflect.TypeFor[plan.Plan](), reflect.TypeFor[explain.Explanation](), reflect.TypeFor[control.Reload]()}},
	} {
		_, text, ok := strings.Cut(string(b), c.section)
		if !ok {
			t.Errorf("there is no section %q", c.section)
			continue
		}
		if end := regexp.MustCompile(`(?m)^##`).FindStringIndex(text); end != nil {
			text = text[:end[0]]
		}
		told := map[string]bool{} // the words of what is in backquotes
		for _, quoted := range regexp.MustCompile("`[^`\n]+`").FindAllString(text, -1) {
			for _, w := range regexp.MustCompile(`[a-z_0-9]+`).FindAllString(quoted, -1) {
				told[w] = true
			}
		}
		for _, typ := range c.types {
			for name, where := range keysOf(typ) {
				if !told[name] {
					t.Errorf("%s of %s is not in %s", name, where, strings.TrimSpace(c.section))
				}
			}
		}
	}
}

// TestOutcomesAreDocumented: so is each word for what becomes of a router or a reload.
func TestOutcomesAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(`(?m)^\t[A-Z]\w+ += "([a-z-]+)"`)
	for _, file := range []string{"../../internal/daemon/plan/plan.go", "../../internal/daemon/control/reload.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := word.FindAllStringSubmatch(string(text), -1)
		if len(found) < 7 {
			t.Fatalf("%s: %d outcomes", file, len(found))
		}
		for _, m := range found {
			if !strings.Contains(string(docs), "`"+m[1]+"`") {
				t.Errorf("%s of %s is not in docs/operations.md", m[1], file)
			}
		}
	}
}

// keysOf lists the keys of the JSON of a type and of all in it, with the type that has each.
func keysOf(root reflect.Type) map[string]reflect.Type {
	keys, seen := map[string]reflect.Type{}, map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		text := typ.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]())
		own := typ.Implements(reflect.TypeFor[json.Marshaler]())
		if seen[typ] || text || own {
			return
		}
		seen[typ] = true
		for f := range typ.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !f.IsExported() || name == "-" {
				continue
			}
			if name != "" {
				keys[name] = typ
			} else if !f.Anonymous {
				keys[f.Name] = typ
			}
			walk(f.Type)
		}
	}
	walk(root)
	return keys
}
