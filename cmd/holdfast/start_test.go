package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each process of the daemon initialises every package of the program before its
// first own line, and the start of a table is counted in pages of memory: a table
// that is built there is better data, or made when it is needed.
func TestPackagesAreCheapToStart(t *testing.T) {
	const mostBytes, mostAllocs = 3 << 10, 12
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^init (holdfast/\S+) @.* clock, (\d+) bytes, (\d+) allocs$`).FindAllStringSubmatch(string(out), -1) {
		if strings.HasSuffix(m[1], "_test") || m[1] == "holdfast/cmd/holdfast" {
			continue // those of the tests themselves
		}
		found++
		bytes, _ := strconv.Atoi(m[2])
		allocs, _ := strconv.Atoi(m[3])
		if bytes > mostBytes || allocs > mostAllocs {
			t.Errorf("initialising %s takes %d bytes in %d pieces; at most %d in %d are wanted", m[1], bytes, allocs, mostBytes, mostAllocs)
		}
	}
	if found == 0 {
		t.Fatalf("no package of ours is in the trace:\n%s", out)
	}
}

// Of these packages everything that starts would pay for what hardly anything
// needs: with templates the linker keeps all methods of all types, and the others
// do much before the first line of the program.
func TestNothingLargeIsImported(t *testing.T) {
	banned := []string{"text/template", "html/template", "testing", "encoding/gob", "runtime/pprof", "net/http", "expvar"}
	files := 0
	for _, dir := range []string{
		".", "../../internal", "../../ipvs", "../../vrrp", "../../healthcheck", "../../notify", "../../examples",
		"../../integration/lab", "../../integration/uml", "../../integration/deps", "../../integration/demo",
	} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			files++
			for _, i := range f.Imports {
				if name, err := strconv.Unquote(i.Path.Value); err != nil || slices.Contains(banned, name) {
					t.Errorf("%s imports %s", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}
