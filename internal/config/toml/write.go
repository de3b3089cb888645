package toml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"holdfast/internal/config"
)

// Write writes a tree as TOML: blocks as tables, lists as arrays, numbers and
// booleans as such where the schema says that they are. A keyword that the
// schema does not know, or that stands twice where it may only once, is an
// error that names it.
func Write(root *config.Node) (string, error) {
	w := &writer{}
	w.table(root, "", nil, nil)
	return strings.TrimLeft(w.b.String(), "\n"), w.err
}

type writer struct {
	b   strings.Builder
	err error
}

func (w *writer) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// table writes what is in a block: keys first, then tables, as TOML wants it.
// args are the block's own arguments with their values.
func (w *writer) table(n *config.Node, path string, outer []string, args []string) {
	for _, a := range args {
		w.b.WriteString(a + "\n")
	}
	var blocks []*config.Node
	var lists []*config.Keyword
	done := map[string]bool{}
	for _, c := range n.Children {
		k, ok := config.Lookup(path, c.Keyword())
		switch {
		case c.Words == nil: // comments
			blocks = append(blocks, c)
		case !ok:
			w.fail("%s is no keyword of %s", c.Keyword(), path)
		case k.Shape == config.ShapeLines && k.Named:
			if !done[k.Name] {
				lists = append(lists, k)
			}
			done[k.Name] = true
		case k.Shape == config.ShapeBlock:
			blocks = append(blocks, c)
		case done[k.Name]:
			if !k.Repeat {
				w.fail("%s stands twice in %s", k.Name, path)
			}
		default:
			done[k.Name] = true
			all := statements(n.Children, k.Name)
			w.comments("", all...)
			w.key(k, all)
		}
	}
	for _, k := range lists {
		w.lists(k, statements(n.Children, k.Name), outer)
	}
	for i, c := range blocks {
		if c.Words == nil {
			if i > 0 {
				w.b.WriteByte('\n')
			}
			w.comments("", c)
			continue
		}
		w.block(c, path, outer)
	}
}

// lists writes the table of a keyword whose blocks are named lists of lines.
func (w *writer) lists(k *config.Keyword, nodes []*config.Node, outer []string) {
	w.b.WriteString("\n[" + strings.Join(append(slices.Clone(outer), k.Name), ".") + "]\n")
	for _, n := range nodes {
		w.comments("", n)
		w.lines(bare(n.Arg(0)), k, []*config.Node{n})
	}
}

// statements are the statements of one keyword.
func statements(nodes []*config.Node, name string) []*config.Node {
	var out []*config.Node
	for _, n := range nodes {
		if n.Keyword() == name {
			out = append(out, n)
		}
	}
	return out
}

// block writes one table with its header.
func (w *writer) block(n *config.Node, path string, outer []string) {
	k, _ := config.Lookup(path, n.Keyword())
	name := append(slices.Clone(outer), k.Name)
	words := n.Args()
	args := k.Args
	if k.Named && len(words) > 0 {
		name = append(name, bare(words[0].Text))
		words, args = words[1:], args[1:]
	}
	header := "[" + strings.Join(name, ".") + "]"
	if k.Repeat && !k.Named {
		header = "[" + header + "]"
	}
	w.b.WriteString("\n")
	w.comments("", n)
	w.b.WriteString(header + "\n")
	w.table(n, k.Path(), name, w.named(k, args, words))
}

// named writes the arguments of a block as keys.
func (w *writer) named(k *config.Keyword, args []config.Arg, words []config.Word) []string {
	var out []string
	at := 0
	for i := 0; i < len(words); i++ {
		word := words[i].Text
		if a := slices.IndexFunc(args, func(a config.Arg) bool { return a.Key != "" && a.Key == word }); a >= 0 && i+1 < len(words) {
			i++
			out = append(out, args[a].Name+" = "+scalar(args[a], words[i].Text))
			continue
		}
		if at >= len(args) || args[at].Key != "" {
			w.fail("%s: %q has no place", k.Name, word)
			return out
		}
		out = append(out, args[at].Name+" = "+scalar(args[at], word))
		at++
	}
	return out
}

// key writes one key with its value.
func (w *writer) key(k *config.Keyword, nodes []*config.Node) {
	name := bare(k.Name)
	switch {
	case k.Shape == config.ShapeLines:
		w.lines(name, k, nodes)
	case k.Repeat && len(nodes) > 1:
		var items []string
		for _, n := range nodes {
			items = append(items, w.value(k, n.Args()))
		}
		w.array(name, items)
	default:
		w.b.WriteString(name + " = " + w.value(k, nodes[0].Args()) + "\n")
	}
}

// lines writes blocks of lines as one array.
func (w *writer) lines(name string, k *config.Keyword, nodes []*config.Node) {
	var items []string
	commented := false
	for _, n := range nodes {
		for _, c := range n.Children {
			if c.Words != nil {
				items = append(items, w.lineItem(k, c.Words))
			}
			commented = commented || len(c.Comments) > 0
		}
	}
	if !commented {
		w.array(name, items)
		return
	}
	w.b.WriteString(name + " = [\n")
	for _, n := range nodes {
		for _, c := range n.Children {
			w.comments("  ", c)
			if c.Words != nil {
				w.b.WriteString("  " + w.lineItem(k, c.Words) + ",\n")
			}
		}
	}
	w.b.WriteString("]\n")
}

// comments writes what stands above statements.
func (w *writer) comments(indent string, nodes ...*config.Node) {
	for _, n := range nodes {
		for _, c := range n.Comments {
			w.b.WriteString(strings.TrimRight(indent+"# "+comment(c), " ") + "\n")
		}
	}
}

// comment is a comment as TOML has it: in UTF-8, without control characters but
// the tabulator. What cannot be in one is shown as U+FFFD.
func comment(text string) string {
	return strings.Map(func(c rune) rune { // a byte that is no UTF-8 is U+FFFD already
		if c < ' ' && c != '\t' || c == 0x7f {
			return utf8.RuneError
		}
		return c
	}, text)
}

// array writes a list, one item a line when it is long.
func (w *writer) array(name string, items []string) {
	one := name + " = [" + strings.Join(items, ", ") + "]"
	if len(one) <= 100 && len(items) < 4 {
		w.b.WriteString(one + "\n")
		return
	}
	w.b.WriteString(name + " = [\n")
	for _, it := range items {
		w.b.WriteString("  " + it + ",\n")
	}
	w.b.WriteString("]\n")
}

// lineItem writes a line of data.
func (w *writer) lineItem(k *config.Keyword, words []config.Word) string {
	if len(k.Lines) == 1 && len(words) == 1 {
		return str(words[0].Text)
	}
	return str(w.joined(k, words))
}

// value writes the arguments of a statement.
func (w *writer) value(k *config.Keyword, words []config.Word) string {
	switch {
	case len(words) == 0:
		return "true"
	case k.Args[0].Kind == config.KindCommand:
		if len(words) == 1 {
			return str(words[0].Text)
		}
		out := make([]string, 0, len(words))
		for i, word := range words {
			if i < len(k.Args) {
				out = append(out, k.Args[i].Name+" = "+str(word.Text))
			}
		}
		return "{ " + strings.Join(out, ", ") + " }"
	case k.Args[0].Rest:
		out := make([]string, len(words))
		for i, word := range words {
			a := k.Args[0]
			if a.Kind == config.KindString {
				a.Kind = config.KindInt // a number where it is one
			}
			out[i] = scalar(a, word.Text)
		}
		return "[" + strings.Join(out, ", ") + "]"
	case len(words) == 1:
		if len(k.Args) > 1 && strings.ContainsAny(words[0].Text, " \t\"") {
			return str(w.joined(k, words))
		}
		return scalar(k.Args[0], words[0].Text)
	}
	return str(w.joined(k, words))
}

// joined writes words as one text that is taken apart at blanks again.
func (w *writer) joined(k *config.Keyword, words []config.Word) string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = word.Text
		switch {
		case strings.Contains(word.Text, `"`):
			w.fail("%s: %q holds a quote", k.Name, word.Text)
		case word.Text == "" || strings.ContainsAny(word.Text, " \t\r\n"):
			out[i] = `"` + word.Text + `"`
		}
	}
	return strings.Join(out, " ")
}

// scalar writes one value by its kind.
func scalar(a config.Arg, s string) string {
	switch a.Kind {
	case config.KindBool, config.KindFlag:
		switch s {
		case "true", "on", "yes":
			return "true"
		case "false", "off", "no":
			return "false"
		}
	case config.KindInt, config.KindSeconds:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
			return s
		}
	case config.KindTimer, config.KindMillis:
		if decimal(s) {
			return s
		}
	}
	return str(s)
}

// decimal reports whether s is a number as TOML writes it.
func decimal(s string) bool {
	whole, frac, point := strings.Cut(s, ".")
	digits := func(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
	return digits(whole) && (whole == "0" || whole[0] != '0') && (!point || digits(frac))
}

// bare writes a key, in quotes where it needs them.
func bare(s string) string {
	ok := s != "" && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
	}) < 0
	if ok {
		return s
	}
	return str(s)
}

// str writes a basic string.
func str(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
