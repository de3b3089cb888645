package keepalived

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"holdfast/internal/config"
)

// Braces that are part of a word stand as these while a line is taken apart.
const hiddenOpen, hiddenShut = 1, 2

// indentation is one level of blocks.
const indentation = "    "

// ErrChanged is returned by Format when the text would not mean the same any
// more.
var ErrChanged = errors.New("formatting would change what the text means")

// Format lays out the text of a keepalived.conf: four blanks a block, one blank
// between words and around braces, at most one empty line, no blanks at the end
// of a line. Lines are neither split nor joined, and comments stay. It reads
// both texts and compares what they say, for every configuration id that occurs
// in them; ErrChanged is returned with the text as it was when they differ.
func Format(text string) (string, error) {
	if strings.ContainsAny(text, string([]byte{0, hiddenOpen, hiddenShut})) {
		return text, ErrChanged // no text
	}
	ids := configIDs(text)
	f := formatter{id: ids[0]}
	text = strings.TrimPrefix(text, "\xef\xbb\xbf")
	for line := range strings.SplitSeq(strings.TrimRight(text, blanks+"\n"), "\n") {
		f.line(strings.TrimRight(line, blanks))
	}
	out := strings.TrimLeft(f.out.String(), "\n")
	for _, id := range ids {
		if !slices.Equal(meaning(text, id), meaning(out, id)) {
			return text, ErrChanged
		}
	}
	return out, nil
}

// configIDs are the ids of conditions in text, the one to lay the blocks out
// by first: where alternatives open a block each, only one of them counts.
func configIDs(text string) []string {
	var ids []string
	for line := range strings.SplitSeq(text, "\n") {
		for _, w := range strings.Fields(stripComment(line)) {
			if !strings.HasPrefix(w, "@") {
				break
			}
			if id := strings.TrimPrefix(w[1:], "^"); id != "" && !slices.Contains(ids, id) && len(ids) < 16 {
				ids = append(ids, id)
			}
		}
	}
	return append(ids, "")
}

// meaning is what a text says, one entry a statement or brace.
func meaning(text, id string) []string {
	root, _, diags := Read("text", Options{Source: only(text), ConfigID: id, Env: func(name string) string { return name }})
	var out []string
	var walk func(n *config.Node)
	walk = func(n *config.Node) {
		for _, w := range n.Words {
			out = append(out, w.Text)
		}
		if n.Block {
			out = append(out, "{")
			for _, c := range n.Children {
				walk(c)
			}
			out = append(out, "}")
		} else {
			out = append(out, ";")
		}
	}
	walk(root)
	for _, d := range diags {
		out = append(out, d.ID)
	}
	return out
}

// only is a Source with one file: what is included is not looked at.
type only string

func (o only) Read(path string) (string, error) {
	if path != "text" {
		return "", fs.ErrNotExist
	}
	return string(o), nil
}

func (o only) Glob(path string) ([]string, error) {
	if path != "text" {
		return nil, nil
	}
	return []string{path}, nil
}

// formatter lays out lines one after the other.
type formatter struct {
	out   strings.Builder
	id    string // configuration id whose lines count
	depth int
	outer int  // depth around the definition that goes on
	more  bool // a definition goes on in this line
	empty bool // the line before was empty
	fork  bool // the line before has a condition and opens a block
}

func (f *formatter) line(raw string) {
	code := stripComment(raw)
	comment := strings.TrimLeft(raw[len(code):], blanks)
	code = strings.Trim(code, blanks)
	goesOn := strings.HasSuffix(raw, `\`)
	was := f.more
	switch {
	case was:
		f.more = goesOn
	case isDefinition(strings.TrimLeft(dropConditions(code), blanks)):
		f.more = goesOn
		if goesOn {
			f.outer, f.depth = f.depth, f.depth+1
			f.write(f.depth-1, code, comment)
			return
		}
		f.write(f.depth, code, comment)
		return
	}
	if code == "" && comment == "" {
		if !was && f.empty {
			return
		}
		f.empty = true
		f.out.WriteByte('\n')
	} else {
		laid, before, after := f.lay(code)
		f.depth = max(f.depth-before, 0)
		at, conditional := f.depth, strings.HasPrefix(code, "@")
		if f.fork && conditional && after == 0 && strings.HasSuffix(laid, "{") {
			at-- // another head of the same block
		}
		f.fork = conditional && (after > 0 || at < f.depth)
		f.write(at, laid, comment)
		f.depth = max(f.depth+after, 0)
	}
	if was && !f.more {
		f.depth = f.outer
	}
}

func (f *formatter) write(depth int, code, comment string) {
	f.empty = false
	f.out.WriteString(strings.Repeat(indentation, depth))
	f.out.WriteString(code)
	if comment != "" {
		if code != "" {
			f.out.WriteByte(' ')
		}
		f.out.WriteString(comment)
	}
	f.out.WriteByte('\n')
}

// lay lays out the code of one line. before is how many levels it closes before
// its first word, after is the change of level that follows it.
func (f *formatter) lay(code string) (out string, before, after int) {
	rest := dropConditions(code)
	head := code[:len(code)-len(rest)]
	counts := kept(head, f.id)
	for strings.HasPrefix(rest, "~") {
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return code, 0, 0
		}
		tail := strings.TrimLeft(rest[end+1:], blanks)
		head += rest[:end+1] + " "
		rest = tail
	}
	word, _, _ := strings.Cut(rest, " ")
	if check, _ := includeWord(strings.TrimRight(word, blanks)); check != 0 || word == "include" {
		return head + rest, 0, 0
	}
	level, first := 0, true
	var b strings.Builder
	space := func() {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
	}
	for _, p := range splitKeeping(rest) {
		space()
		switch p.brace {
		case '{':
			b.WriteByte('{')
			level++
			first = false
		case '}':
			b.WriteByte('}')
			if first {
				before++
			} else {
				level--
			}
		default:
			b.WriteString(squeeze(p.text))
			first = false
		}
	}
	if !counts {
		before, level = 0, 0
	}
	return head + b.String(), before, level
}

// dropConditions returns what follows the conditions of a line.
func dropConditions(code string) string {
	for strings.HasPrefix(code, "@") {
		end := strings.IndexAny(code, blanks)
		if end < 0 {
			return ""
		}
		code = strings.TrimLeft(code[end:], blanks)
	}
	return code
}

// kept reports whether conditions keep their line for the given id.
func kept(conditions, id string) bool {
	for _, c := range strings.Fields(conditions) {
		name, not := strings.CutPrefix(c[1:], "^")
		if (name == id && id != "") == not {
			return false
		}
	}
	return true
}

func isDefinition(code string) bool {
	n := 0
	if strings.HasPrefix(code, "$") {
		n = nameLength(code[1:])
	}
	return n > 0 && len(code) > n+1 && code[n+1] == '='
}

// splitKeeping is split, but the braces of ${NAME} stay in their word.
func splitKeeping(code string) []piece {
	hidden := []byte(code)
	for i := 0; i+1 < len(hidden); i++ {
		if hidden[i] != '$' || hidden[i+1] != '{' {
			continue
		}
		if end := strings.IndexByte(code[i:], '}'); end > 0 {
			hidden[i+1], hidden[i+end] = hiddenOpen, hiddenShut
		}
	}
	pieces := split(nil, string(hidden))
	for i := range pieces {
		pieces[i].text = strings.NewReplacer(string(rune(hiddenOpen)), "{", string(rune(hiddenShut)), "}").Replace(pieces[i].text)
	}
	return pieces
}

// squeeze leaves one blank between words that are not in quotes.
func squeeze(text string) string {
	var b strings.Builder
	var quote byte
	blank := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quote == 0 && strings.IndexByte(blanks, c) >= 0 {
			blank = true
			continue
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		switch {
		case c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
			c = text[i]
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
		b.WriteByte(c)
	}
	return b.String()
}
