package config_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"holdfast/internal/config"
)

var update = flag.Bool("update", false, "write docs/keywords.md anew")

const reference = "../../docs/keywords.md"

// TestReference makes sure that docs/keywords.md is what the schema says.
func TestReference(t *testing.T) {
	var b bytes.Buffer
	if err := config.WriteKeywords(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(reference, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Error("docs/keywords.md is stale: run go test ./internal/config -run Reference -update")
	}
}

// TestSchema checks rules that every row keeps.
func TestSchema(t *testing.T) {
	active := 0
	for _, block := range config.Blocks() {
		for _, k := range config.Keywords(block) {
			if got, ok := config.Lookup(block, k.Name); !ok || got != k {
				t.Errorf("%s %s is not found by its name", block, k.Name)
			}
			if k.Tier == "" {
				t.Errorf("%s %s has no tier", block, k.Name)
			}
			if k.Status == config.NotYet {
				continue
			}
			active++
			if k.Doc == "" {
				t.Errorf("%s %s has no text", block, k.Name)
			}
			if k.Shape == config.ShapeLines && len(k.Lines) == 0 {
				t.Errorf("%s %s does not say what its lines hold", block, k.Name)
			}
			if k.Shape == config.ShapeBlock && len(config.Keywords(k.Path())) == 0 {
				t.Errorf("block %s has no keywords", k.Path())
			}
			if k.Named && (len(k.Args) == 0 || k.Args[0].Name != "name") {
				t.Errorf("%s %s is named by %v", block, k.Name, k.Args)
			}
		}
	}
	if active < 150 {
		t.Errorf("only %d keywords are active", active)
	}
}
