package toml

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	burntsushi "github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compile returns the schema that WriteSchema writes.
func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSchema(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("holdfast.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("holdfast.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain turns what the TOML library yields into what the validator knows.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	case []map[string]any:
		out := []any{}
		for _, e := range v {
			out = append(out, plain(e))
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, plain(e))
		}
		return out
	}
	return v
}

func values(t *testing.T, text string) any {
	t.Helper()
	var v map[string]any
	if _, err := burntsushi.Decode(text, &v); err != nil {
		t.Fatal(err)
	}
	return plain(v)
}

// TestSchemaTakesWhatWorks: every example, and every key of the reference.
func TestSchemaTakesWhatWorks(t *testing.T) {
	s := compile(t)
	files, _ := filepath.Glob("../../../examples/*.toml")
	if len(files) < 9 {
		t.Fatalf("%d examples", len(files))
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(values(t, string(text))); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	reference, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(reference), "\n")
	for i, line := range lines {
		if len(line) > 1 && line[0] == '#' && line[1] != ' ' {
			lines[i] = line[1:]
		}
	}
	if err := s.Validate(values(t, strings.Join(lines, "\n"))); err != nil {
		t.Error(err)
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compile(t)
	for _, text := range []string{
		"[vrrp_instance.VI_1]\npriorty = 100",
		"[vrrp_instance.VI_1]\ninterface = { name = \"eth0\" }",
		"[vrrp_instance.VI_1]\nvirtual_ipaddress = [[\"192.0.2.1\"], 1]\nnopreempt = \"yes\"",
		"[vrrp_instance]\ninterface = \"eth0\"",
		"[[virtual_server]]\nip = true",
		"[[virtual_server.real_server.HTTP_GET]]\npath = \"/\"",
		"[global_defs]\nrouter_id = []",
		"router_id = \"a\"",
	} {
		if err := s.Validate(values(t, text)); err == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}
