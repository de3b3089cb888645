package encode

import (
	"strconv"
	"strings"

	"holdfast/internal/config"
)

// Carry takes the comments of a source to the statements that come from the
// same ones: by block, with its name or address, and keyword. from is the tree
// that was read from texts, by file name; to is the tree to be written. It
// returns how many comments found no place.
func Carry(from *config.Node, texts map[string]string, to *config.Node) (lost int) {
	found := map[string][]string{}
	c := carrier{found: found, files: map[string]*commented{}}
	for name, text := range texts {
		c.files[name] = readComments(text, strings.HasSuffix(name, ".toml"))
	}
	c.collect(from, "")
	place(to, "", found)
	for _, left := range found {
		lost += len(left)
	}
	for _, f := range c.files {
		for _, above := range f.above {
			lost += len(above)
		}
		lost += len(f.beside)
	}
	return lost
}

// commented are the comments of one file: above a line that says something, by
// that line's number, and beside it.
type commented struct {
	above  map[int][]string
	beside map[int]string
}

func readComments(text string, toml bool) *commented {
	c := &commented{above: map[int][]string{}, beside: map[int]string{}}
	var waiting []string
	for i, line := range strings.Split(text, "\n") {
		code, comment, has := cutComment(strings.TrimSuffix(line, "\r"), toml)
		code = strings.TrimSpace(code)
		switch {
		case code == "" && has:
			waiting = append(waiting, comment)
		case !toml && strings.HasPrefix(code, "$") && strings.Contains(code, "="):
			// A parameter is not in the text: what is said above it may be
			// meant for the block below.
			if has {
				waiting = append(waiting, comment)
			}
		case code != "" && code != "}":
			if len(waiting) > 0 {
				c.above[i+1] = waiting
				waiting = nil
			}
			if has {
				c.beside[i+1] = comment
			}
		}
	}
	return c
}

// cutComment takes a line apart. Marks and the blank behind them are dropped.
func cutComment(line string, toml bool) (code, comment string, has bool) {
	var quote byte
	for i := 0; i < len(line); i++ {
		switch ch := line[i]; {
		case ch == '\\' && quote != '\'' && i+1 < len(line):
			i++
		case quote != 0:
			if ch == quote {
				quote = 0
			}
		case ch == '"' || toml && ch == '\'':
			quote = ch
		case ch == '#' || !toml && ch == '!':
			return line[:i], strings.TrimSpace(strings.TrimLeft(line[i:], "#!")), true
		}
	}
	return line, "", false
}

type carrier struct {
	found map[string][]string
	files map[string]*commented
}

// collect notes the comments of every statement under its key. A line's
// comments belong to its first statement.
func (c *carrier) collect(n *config.Node, path string) {
	names := counter{}
	for _, child := range n.Children {
		at := path + "/" + names.key(child)
		if f := c.files[child.Pos.File]; f != nil {
			text := f.above[child.Pos.Line]
			if b, ok := f.beside[child.Pos.Line]; ok {
				text = append(text, b)
			}
			delete(f.above, child.Pos.Line)
			delete(f.beside, child.Pos.Line)
			c.found[at] = append(c.found[at], text...)
		}
		c.collect(child, at)
	}
}

// place puts the comments of a key above the statement that has it.
func place(n *config.Node, path string, found map[string][]string) {
	names := counter{}
	for _, child := range n.Children {
		at := path + "/" + names.key(child)
		child.Comments = append(child.Comments, found[at]...)
		delete(found, at)
		place(child, at, found)
	}
}

// counter counts the statements of a block by name.
type counter map[string]int

// key names a statement among its neighbours. Blocks and lines of data are known
// by their words, statements by their keyword, so that what they say may change.
func (c counter) key(n *config.Node) string {
	name := n.Keyword()
	if n.Block {
		name = n.Text()
	}
	c[name]++
	return name + "#" + strconv.Itoa(c[name])
}
