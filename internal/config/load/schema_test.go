package load_test

import (
	"bytes"
	"encoding/json"
	"sync"

	burntsushi "github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"holdfast/internal/config/toml"
)

// schema is what holdfast schema prints.
var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	var b bytes.Buffer
	if err := toml.WriteSchema(&b); err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("holdfast.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("holdfast.json")
})

// inSchema holds that the schema takes a TOML file that we write and read.
func inSchema(t tester, text string) {
	t.Helper()
	s, err := schema()
	if err != nil {
		t.Errorf("schema: %v", err)
		return
	}
	var v map[string]any
	if _, err := burntsushi.Decode(text, &v); err != nil {
		t.Errorf("%v\n%s", err, text)
		return
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Errorf("%v\n%s", err, text)
		return
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("the schema refuses what we write: %v\n%s", err, text)
	}
}
