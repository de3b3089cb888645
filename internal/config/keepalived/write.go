package keepalived

import (
	"fmt"
	"strings"

	"holdfast/internal/config"
)

// Write writes a tree as keepalived.conf, laid out as Format does it. What the
// language cannot say (a double quote in an ordinary word, a line of more than
// 1023 bytes) is an error that names the statement.
func Write(root *config.Node) (string, error) {
	w := &writer{}
	for i, n := range root.Children {
		if i > 0 && (n.Block || n.Words == nil || root.Children[i-1].Block) {
			w.b.WriteByte('\n')
		}
		w.node(n, "", false, 0)
	}
	return w.b.String(), w.err
}

type writer struct {
	b   strings.Builder
	err error
}

// node writes one statement; data says that its first word is no keyword.
func (w *writer) node(n *config.Node, path string, data bool, depth int) {
	indent := strings.Repeat(indentation, depth)
	for _, c := range n.Comments {
		w.b.WriteString(strings.TrimRight(indent+"# "+c, " ") + "\n")
	}
	if n.Words == nil && !n.Block {
		return
	}
	k, known := config.Lookup(path, n.Keyword())
	if data {
		k, known = nil, false
	}
	words := make([]string, 0, len(n.Words)+1)
	for i, word := range n.Words {
		if i == 1 && known && len(k.Args) > 0 && k.Args[0].Kind == config.KindCommand {
			words = append(words, quoteCommand(word.Text))
			continue
		}
		s, err := quoteWord(word.Text)
		if err != nil && w.err == nil {
			w.err = fmt.Errorf("%s: %w", n.Keyword(), err)
		}
		words = append(words, s)
	}
	line := strings.Join(words, " ")
	if n.Block {
		line += " {"
	}
	if len(indent)+len(line) > maxLine && w.err == nil {
		w.err = fmt.Errorf("%s: the line would be longer than %d bytes, which keepalived ignores", n.Keyword(), maxLine)
	}
	w.b.WriteString(indent + line + "\n")
	if !n.Block {
		return
	}
	inner, lines := path, false
	if known {
		inner, lines = k.Path(), k.Shape == config.ShapeLines
	}
	for i, c := range n.Children {
		if i > 0 && c.Block && (n.Children[i-1].Block || depth == 0) && !lines {
			w.b.WriteByte('\n')
		}
		w.node(c, inner, lines, depth+1)
	}
	w.b.WriteString(indent + "}\n")
}

// quoteWord quotes an ordinary word where that is needed.
func quoteWord(s string) (string, error) {
	switch {
	case strings.ContainsAny(s, "\"\n\x00"):
		return "", fmt.Errorf("%q cannot be written in keepalived.conf", s)
	case strings.HasSuffix(s, `\`):
		return "", fmt.Errorf("%q cannot be written in keepalived.conf: the backslash would hide the quote", s)
	case s != "" && !strings.ContainsAny(s, blanks+"!#{}$@~'\\"):
		return s, nil
	}
	return `"` + s + `"`, nil
}

// quoteCommand quotes a command line, in which escapes count.
func quoteCommand(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(s) + `"`
}
