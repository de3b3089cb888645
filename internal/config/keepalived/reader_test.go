package keepalived

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
)

// files is a Source in memory. Names that end in .sh are executable.
type files map[string]string

func (f files) Read(name string) (string, error) {
	if strings.HasSuffix(name, ".sh") {
		return "", fmt.Errorf("%s: %w", name, ErrSkip)
	}
	text, ok := f[name]
	if !ok {
		return "", fs.ErrNotExist
	}
	return text, nil
}

func (f files) Glob(pattern string) (out []string, err error) {
	for name := range f {
		if ok, err := path.Match(pattern, name); err != nil {
			return nil, err
		} else if ok {
			out = append(out, name)
		}
	}
	return out, nil // not sorted: that is the reader's duty
}

// dump writes a tree in one line: a statement's words are joined by blanks, a
// block's children stand in braces.
func dump(n *config.Node) string {
	var b strings.Builder
	for i, c := range n.Children {
		if i > 0 {
			b.WriteString("; ")
		}
		var words []string
		for _, w := range c.Words {
			if w.Quoted {
				words = append(words, fmt.Sprintf("%q", w.Text))
			} else {
				words = append(words, w.Text)
			}
		}
		b.WriteString(strings.Join(words, " "))
		if c.Block {
			b.WriteString("{" + dump(c) + "}")
		}
	}
	return b.String()
}

func ids(diags []config.Diagnostic) (out []string) {
	for _, d := range diags {
		out = append(out, d.ID)
	}
	return out
}

func TestTree(t *testing.T) {
	tests := []struct {
		name, text, tree string
		ids              []string
	}{
		{"statement", "a b  c\n", "a b c", nil},
		{"no newline at the end", "a b", "a b", nil},
		{"block", "a b {\n c d\n}\ne", "a b{c d}; e", nil},
		{"brace on its own line", "a b\n{\nc\n}", "a b{c}", nil},
		{"braces anywhere", "a { b {c d}e}", "a{b{c d}; e}", nil},
		{"glued brace", "a b{c}", "a b{c}", nil},
		{"comments", "# x\na b # c\n  ! y\nd!e", "a b; d", nil},
		{"comment in quotes", `a "b # c ! d" e`, `a "b # c ! d" e`, nil},
		{"brace in quotes", `a "b { c }"`, `a "b { c }"`, nil},
		{"single quotes are plain", "a 'b c'", "a 'b c'", nil},
		{"quote ends a word", `a b"c d"e`, `a b "c d" e`, nil},
		{"empty word", `a ""`, `a ""`, nil},
		{"quote not closed", `a b "c`, "a b", []string{"unmatched-quote"}},
		{"crlf", "a b {\r\n c\r\n}\r\n", "a b{c}", nil},
		{"byte order mark", "\xef\xbb\xbfa b", "a b", []string{"byte-order-mark"}},
		{"tabs", "\ta\tb\t", "a b", nil},
		{"not ASCII", "a ä # ö", "a ä", nil},
		{"stray brace", "a { b }\n{ c }", "a{b}; {c}", nil},
		{"extra brace", "a\n}\nb", "a; ; b", []string{"extra-brace"}},
		{"missing brace", "a {\n b {\n c", "a{b{c}}", []string{"unclosed-block", "unclosed-block"}},
		{"long line", "a " + strings.Repeat("b", 1022) + "\nc", "c", []string{"long-line"}},
		{"longest line", "a " + strings.Repeat("b", 1021), "a " + strings.Repeat("b", 1021), nil},
		{"zero byte", "a\x00b\nc", "a; c", []string{"nul-byte"}},

		{"condition", "@one a\n@two b\n@^one c\n@^two d\n@ e\n@one @^two f", "a; d; f", []string{"newer-keyword"}},
		{"parameter", "$A=1\nb $A ${A} x${A}y $A,", "b 1 1 x1y 1,", nil},
		{"late binding", "$A=$B\n$B=1\nc $A\n$B=2\nc $A", "c 1; c 2", nil},
		{"not defined, so that its braces are a block", "a $B ${C} d", "a $B ${C}; d", nil},
		{"several lines", "$A= \\\n b \\\n c {\\\n d }\n$A", "b; c{d}", nil},
		{"endless parameter", "$A=x$A\nb $A\nc", "c", []string{"expansion"}},
		{"built in", "a ${_INSTANCE} ${_PWD}x ${_HASH}", "a one .x", nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			root, _, diags := Read("k", Options{Source: files{"k": tc.text}, ConfigID: "one"})
			if got := dump(root); got != tc.tree {
				t.Errorf("tree %s, want %s", got, tc.tree)
			}
			if got := ids(diags); !slices.Equal(got, tc.ids) {
				t.Errorf("findings %v, want %v", diags, tc.ids)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	root, _, _ := Read("k", Options{Source: files{"k": "a {\n\tbb  \"c d\" e }\n"}})
	n := root.Children[0].Children[0]
	for i, want := range []string{"k:2:2", "k:2:6", "k:2:12"} {
		if got := n.Words[i].Pos.String(); got != want {
			t.Errorf("word %d at %s, want %s", i, got, want)
		}
	}
	if got := root.Children[0].End.String(); got != "k:2:14" {
		t.Errorf("block ends at %s", got)
	}
	if n.Raw != `bb  "c d" e` {
		t.Errorf("raw text %q", n.Raw)
	}
}

func TestInclude(t *testing.T) {
	f := files{
		"/etc/k.conf":      "a\ninclude d/*.conf\nb {\ninclude /x.conf\n}\n",
		"/etc/d/2.conf":    "two",
		"/etc/d/1.conf":    "one\ninclude sub.inc",
		"/etc/d/sub.inc":   "sub",
		"/x.conf":          "x",
		"/etc/n.conf":      "include nothing\nincludea nothing\nincludem no*\nincludew no*\n",
		"/etc/alt.conf":    "include d/{2,1}.conf",
		"/etc/loop.conf":   "include loop.conf",
		"/etc/exec.conf":   "include tool.sh",
		"/etc/tool.sh":     "",
		"/etc/blank.conf":  "include",
		"/etc/quotes.conf": "include \"/x.conf\"",
	}
	tests := []struct {
		name, tree string
		ids        []string
		exit       int
	}{
		{"/etc/k.conf", "a; one; sub; two; b{x}", nil, 0},
		{"/etc/n.conf", "", []string{"no-file", "no-file", "no-file", "no-file"}, 6},
		{"/etc/alt.conf", "two; one; sub", nil, 0},
		{"/etc/loop.conf", "", []string{"include-loop"}, 5},
		{"/etc/exec.conf", "", []string{"skipped-file"}, 0},
		{"/etc/blank.conf", "", []string{"missing-parameter"}, 5},
		{"/etc/quotes.conf", "", []string{"quoted-file", "no-file"}, 0},
		{"/etc/missing.conf", "", []string{"no-file"}, 0},
	}
	for _, tc := range tests {
		root, read, diags := Read(tc.name, Options{Source: f})
		if got := dump(root); got != tc.tree {
			t.Errorf("%s: tree %s, want %s", tc.name, got, tc.tree)
		}
		if got := ids(diags); !slices.Equal(got, tc.ids) {
			t.Errorf("%s: findings %v, want %v", tc.name, diags, tc.ids)
		}
		if got := config.TestExit(diags); got != tc.exit {
			t.Errorf("%s: exit code %d, want %d", tc.name, got, tc.exit)
		}
		if tc.name == "/etc/k.conf" && len(read) != 5 {
			t.Errorf("files read: %v", read)
		}
	}
}

// TestBounds makes sure that hostile files end in an error, soon.
func TestBounds(t *testing.T) {
	deep := files{}
	for i := range 40 {
		deep[fmt.Sprintf("f%d", i)] = fmt.Sprintf("include f%d", i+1)
	}
	wide := files{"f0": strings.Repeat("include g\n", 2000), "g": "x"}
	tests := []struct {
		name string
		f    files
		id   string
	}{
		{"deep includes", deep, "include-depth"},
		{"many includes", wide, "too-many-files"},
		{"deep blocks", files{"f0": strings.Repeat("a {\n", 1000)}, "too-deep"},
		{"a sequence of a billion", files{"f0": "~SEQ(A,1,1000000000) x\n"}, "too-large"},
		{"a billion of nothing", files{"f0": "~SEQ(A,1,1000000000) @no x\n"}, "too-large"},
		{"sequences of sequences", files{"f0": "~SEQ(A,9999) ~SEQ(B,9999) ~SEQ(C,9999) x\n"}, "too-large"},
		{"lines that multiply", files{"f0": multiplying(40) + "$L40\n"}, "too-large"},
		{"lines within themselves", files{"f0": "$A=\\\n\\\n$A\n$A\n"}, "expansion"},
		{"growing parameters", files{"f0": "$A=aaaaaaaaaa\n" + doubling(40) + "x $B40\n"}, "expansion"},
	}
	for _, tc := range tests {
		_, _, diags := Read("f0", Options{Source: tc.f})
		if !slices.Contains(ids(diags), tc.id) || !config.HasErrors(diags) {
			t.Errorf("%s: %v", tc.name, diags)
		}
	}
}

// doubling defines $B1 … $Bn, each twice the one before.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString("$B0=$A\n")
	for i := range n {
		fmt.Fprintf(&b, "$B%d=${B%d}${B%d}\n", i+1, i, i)
	}
	return b.String()
}

// multiplying defines $L1 … $Ln, each two times the lines of the one before.
func multiplying(n int) string {
	var b strings.Builder
	b.WriteString("$L0= \\\nx \\\ny\n")
	for i := range n {
		fmt.Fprintf(&b, "$L%d= \\\n$L%d \\\n$L%d\n", i+1, i, i)
	}
	return b.String()
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"a b {\n c\n}\n", "a \"", "}{", "include k", "$A=\\\n\n$A", "@a @^b c", "~SEQ(a)", "~SEQ(A,1,9) x$A", "~SEQx(A,1,-9,0x) x", "~LST({a,b},{c},d) $a ${b}", "$L=\\\n$L", "${_RANDOM 1 2} ${_ENV A}", "a \\\" {"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		root, _, _ := Read("k", Options{Source: files{"k": text}, ConfigID: "a"})
		var walk func(n *config.Node, depth int)
		walk = func(n *config.Node, depth int) {
			if depth > maxNest+1 {
				t.Fatal("nested too deep")
			}
			for _, c := range n.Children {
				if len(c.Words) == 0 && !c.Block && n != root {
					t.Error("a statement without words")
				}
				walk(c, depth+1)
			}
		}
		walk(root, 0)
	})
}

// TestStatementBound: a statement takes more memory than its text, so that the
// size of the files alone is no bound. Where statements are passed on one by one
// only a block has to fit.
func TestStatementBound(t *testing.T) {
	const held, all = 10, 40
	for _, c := range []struct {
		name, text string
		whole      bool // one tree
		line       int  // that is refused; 0: none
	}{
		{"a tree", strings.Repeat("a\n", held), true, 0},
		{"a tree that is too large", strings.Repeat("a\n", held+1) + "b\n", true, held + 1},
		{"one by one", strings.Repeat("a\n", all), false, 0},
		{"too many", strings.Repeat("a\n", all+1) + "b\n", false, all + 1},
		{"a block", "a {\n" + strings.Repeat("a\n", held-1) + "}\n", false, 0},
		{"a block that is too large", "a {\n" + strings.Repeat("a\n", held) + "b\n}\n", false, held + 1},
	} {
		opts := Options{Source: files{"k": c.text}}
		if !c.whole {
			opts.Statement = func(_ *config.Node, done func()) { done() }
		}
		_, _, diags := read("k", opts, held, all)
		diags = slices.DeleteFunc(diags, func(d config.Diagnostic) bool { return d.ID == "unclosed-block" })
		switch {
		case c.line == 0 && len(diags) == 0:
		case c.line != 0 && len(diags) == 1 && diags[0].ID == "too-many-statements" && diags[0].Pos.Line == c.line && diags[0].Severity == config.Error:
		default:
			t.Errorf("%s: %v", c.name, diags)
		}
	}
	// Many servers with a few lines each are more than fit into one tree.
	got := 0
	_, _, diags := Read("k", Options{Source: files{"k": strings.Repeat("a\n", maxHeld+1)}, Statement: func(_ *config.Node, done func()) { got++; done() }})
	if got != maxHeld+1 || len(diags) > 0 {
		t.Errorf("%d statements, %v", got, diags)
	}
}
