package vrrp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPure holds the package to its contract (doc.go): time comes in as an
// argument and nothing touches the world.
func TestPure(t *testing.T) {
	allowed := []string{
		"net/netip", "slices", "time",
		"crypto/hmac", "crypto/md5", "crypto/sha256", "crypto/subtle", "encoding/binary", "hash",
	}
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick"}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		n++
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range tree.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			if !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
		ast.Inspect(tree, func(node ast.Node) bool {
			switch x := node.(type) {
			case *ast.GoStmt:
				t.Errorf("%v starts a goroutine", fset.Position(x.Pos()))
			case *ast.SelectorExpr:
				pkg, ok := x.X.(*ast.Ident)
				if ok && pkg.Name == "time" && (slices.Contains(clock, x.Sel.Name) || strings.HasPrefix(x.Sel.Name, "New")) {
					t.Errorf("%v calls time.%s", fset.Position(x.Pos()), x.Sel.Name)
				}
			}
			return true
		})
	}
	if n < 10 {
		t.Fatalf("only %d files seen", n)
	}
}
