package config_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/config"
)

// TestCodesAreListed finds in the sources what findings are called by: each is a lint or
// one of config.Codes, and none of those is listed that nothing says.
func TestCodesAreListed(t *testing.T) {
	said := codesIn(t, "*.go", "keepalived/*.go", "toml/*.go", "load/*.go", "verdict/*.go", "../../cmd/holdfast/*.go")
	lints, codes := map[string]bool{}, map[string]bool{}
	for _, l := range config.Lints {
		lints[l.ID] = true
	}
	for _, c := range config.Codes {
		if codes[c.ID] = true; c.About == "" || lints[c.ID] {
			t.Errorf("%+v", c)
		}
		if said[c.ID] == "" {
			t.Errorf("%s is listed and nothing says it", c.ID)
		}
	}
	if !slices.IsSortedFunc(config.Codes, func(a, b config.Code) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the codes are not in order")
	}
	for id, at := range said {
		if !lints[id] && !codes[id] {
			t.Errorf("%s: %s is in neither config.Lints nor config.Codes: list it, and run go test ./internal/config -run Reference -update", at, id)
		}
	}
	for _, id := range []string{"bad-value", "tunnel-below", "script-interpreter", "no-vrid", "wrong-type", "strict-inherited", "not-active-kept"} {
		if said[id] == "" {
			t.Errorf("%s is not found in the sources", id)
		}
	}
}

// codesIn finds them, each with a place: the first text among the arguments of a function
// with a parameter named id, if it looks like one; what is put into a variable of that
// name or the field ID of a Diagnostic; and constants of this package that are used so.
func codesIn(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	for _, p := range patterns {
		paths, err := filepath.Glob(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	takes, consts := map[string]bool{}, map[string]string{}
	each := func(visit func(ast.Node)) {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				visit(n)
				return true
			})
		}
	}
	text := func(e ast.Expr) (string, bool) {
		b, ok := e.(*ast.BasicLit)
		if !ok || b.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(b.Value)
		return s, err == nil
	}
	each(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if hasID(n.Type) {
				takes[n.Name.Name] = true
			}
		case *ast.AssignStmt:
			for i, r := range n.Rhs {
				name, ok := n.Lhs[i%len(n.Lhs)].(*ast.Ident)
				if f, isFunc := r.(*ast.FuncLit); ok && isFunc && hasID(f.Type) {
					takes[name.Name] = true
				}
			}
		case *ast.ValueSpec:
			for i, v := range n.Values {
				if s, ok := text(v); ok && i < len(n.Names) {
					consts[n.Names[i].Name] = s
				}
			}
		}
	})
	code := regexp.MustCompile(`^[a-z][a-z0-9_]*(-[a-z0-9_]+)*$`)
	said := map[string]string{}
	note := func(e ast.Expr) bool {
		s, ok := text(e)
		if !ok {
			switch x := e.(type) {
			case *ast.Ident:
				s, ok = consts[x.Name]
			case *ast.SelectorExpr:
				s, ok = consts[x.Sel.Name]
			}
		}
		if ok && code.MatchString(s) {
			said[s] = set.Position(e.Pos()).String()
		}
		return ok
	}
	each(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			if takes[name] {
				_ = slices.ContainsFunc(n.Args, note) // up to the first
			}
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if name, ok := l.(*ast.Ident); ok && name.Name == "id" && i < len(n.Rhs) {
					note(n.Rhs[i])
				}
			}
		case *ast.CompositeLit:
			typ := n.Type
			if s, ok := typ.(*ast.SelectorExpr); ok {
				typ = s.Sel
			}
			if a, ok := typ.(*ast.ArrayType); ok {
				typ = a.Elt
				if s, ok := typ.(*ast.SelectorExpr); ok {
					typ = s.Sel
				}
			}
			if name, ok := typ.(*ast.Ident); typ != nil && (!ok || name.Name != "Diagnostic") {
				return
			}
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if k, ok := kv.Key.(*ast.Ident); ok && k.Name == "ID" {
						note(kv.Value)
					}
				}
			}
		}
	})
	return said
}

// hasID says whether a function has a parameter id.
func hasID(f *ast.FuncType) bool {
	return slices.ContainsFunc(f.Params.List, func(p *ast.Field) bool {
		return slices.ContainsFunc(p.Names, func(n *ast.Ident) bool { return n.Name == "id" })
	})
}
