package config_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/config"
)

var update = flag.Bool("update", false, "write the generated pages anew")

// TestReference makes sure that the generated pages are what the schema and
// the list of lints say.
func TestReference(t *testing.T) {
	for _, page := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{"../../docs/keywords.md", config.WriteKeywords},
		{"../../docs/lints.md", config.WriteLints},
	} {
		var b bytes.Buffer
		if err := page.write(&b); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(page.path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(page.path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, b.Bytes()) {
			t.Errorf("%s is stale: run go test ./internal/config -run Reference -update", page.path)
		}
	}
}

// TestLintsAreListed finds the ids of lints in the sources: each has a reason
// and a fix, and no other one has.
func TestLintsAreListed(t *testing.T) {
	id := regexp.MustCompile(`(?:ClassNone, |silent\([^"]*|\.lint\(s, (?:Warning|Info|Error), |say\(i, (?:Warning|Info), |\bID: +|NotActive(?:Kept)? += |NothingToRun += )"([a-z0-9_-]+)"`)
	used := map[string]bool{"no-such-user": true, "skipped-file": true, "unreadable-file": true} // the class depends
	for _, pattern := range []string{"*.go", "keepalived/*.go", "../../cmd/holdfast/check*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range id.FindAllSubmatch(text, -1) {
				used[string(m[1])] = used[string(m[1])] || !strings.HasSuffix(f, "_test.go")
			}
		}
	}
	listed := map[string]bool{}
	for _, l := range config.Lints {
		listed[l.ID] = true
		if l.Why == "" || l.Fix == "" || listed[""] {
			t.Errorf("%+v", l)
		}
	}
	for name, really := range used {
		if really && !listed[name] {
			t.Errorf("lint %s is not in config.Lints: give it a reason and a fix there, and run go test ./internal/config -run Reference -update", name)
		}
	}
	for name := range listed {
		if !used[name] {
			t.Errorf("lint %s is listed and nothing says it", name)
		}
	}
}

// TestEveryKeywordHasARow fails when a keyword of keepalived 2.4.3 has no row.
// The list holds one a line: block, name, arguments, default, version, tier.
func TestEveryKeywordHasARow(t *testing.T) {
	list, err := os.ReadFile("testdata/keywords.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(list), "\n"), "\n")
	if len(lines) < 500 {
		t.Fatalf("the list has %d lines", len(lines))
	}
	for _, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if _, ok := config.Lookup(f[0], f[1]); !ok {
			t.Errorf("%s has no row", strings.TrimPrefix(f[0]+"/"+f[1], "/"))
		}
	}
	for _, block := range config.Blocks() {
		for _, k := range config.Keywords(block) {
			if k.Since != "" && strings.HasPrefix("2.2.7", k.Since) {
				t.Errorf("%s: version %s: only what came after 2.2.7 has one", k.Name, k.Since)
			}
		}
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
