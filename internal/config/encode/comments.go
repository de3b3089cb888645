package encode

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/config"
)

// Comment is one comment of a source file.
type Comment struct {
	Pos  config.Pos
	Text string // without its mark
}

// Carry takes the comments of a source to the statements that come from the
// same ones: by block, with its name or address, and keyword; and those at the
// end of a block or of a file to that place. from is the tree that was read from
// texts, by file name; to is the tree to be written. It returns the comments that
// found no place, in the order of the files' lines.
func Carry(from *config.Node, texts map[string]string, to *config.Node) (lost []Comment) {
	c := carrier{found: map[string][]Comment{}, files: map[string]*commented{}}
	for name, text := range texts {
		c.files[name] = readComments(name, text, strings.HasSuffix(name, ".toml"))
	}
	c.collect(from, "")
	place(to, "", c.found)
	for _, left := range c.found {
		lost = append(lost, left...)
	}
	for _, f := range c.files {
		for _, at := range []map[int][]Comment{f.above, f.beside, f.ending} {
			for _, left := range at {
				lost = append(lost, left...)
			}
		}
		lost = append(lost, f.last...)
	}
	lost = slices.DeleteFunc(lost, func(c Comment) bool { return c.Text == "" })
	slices.SortFunc(lost, func(a, b Comment) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line))
	})
	return lost
}

// commented are the comments of one file.
type commented struct {
	above  map[int][]Comment // a line that says something, by that line's number
	beside map[int][]Comment // what such a line says; one at most
	ending map[int][]Comment // a list or table of TOML that begins in that line
	last   []Comment         // the file
}

func readComments(file, text string, toml bool) *commented {
	c := &commented{above: map[int][]Comment{}, beside: map[int][]Comment{}, ending: map[int][]Comment{}}
	var waiting []Comment
	list, table := 0, 0 // the lines in which what is open of TOML begins
	near := -1          // how many of those waiting have no empty line before them
	for i, line := range strings.Split(text, "\n") {
		code, comment, has := cutComment(strings.TrimSuffix(line, "\r"), toml)
		code = strings.TrimSpace(code)
		here := Comment{config.Pos{File: file, Line: i + 1, Column: 1}, comment}
		switch {
		case code == "":
			if has {
				waiting = append(waiting, here)
			} else if near < 0 {
				near = len(waiting)
			}
			continue
		case !toml && strings.HasPrefix(code, "$") && strings.Contains(code, "="):
			// A parameter is not in the text: what is said above it may be
			// meant for the block below.
			if has {
				waiting = append(waiting, here)
			}
			continue
		case toml && code == "]" && list > 0:
			if has {
				waiting = append(waiting, here)
			}
			c.ending[list] = waiting
		default:
			if toml && list == 0 && strings.HasPrefix(code, "[") {
				// What stands right below the last key, apart from the header,
				// is the table's.
				if near > 0 && table > 0 {
					c.ending[table], waiting = waiting[:near], waiting[near:]
				}
				table = i + 1
			}
			if len(waiting) > 0 {
				c.above[i+1] = waiting
			}
			if has {
				c.beside[i+1] = []Comment{here}
			}
		}
		waiting, near = nil, -1
		switch {
		case strings.HasPrefix(code, "]"):
			list = 0
		case toml && list == 0 && strings.HasSuffix(code, "= ["):
			list = i + 1
		}
	}
	c.last = waiting
	return c
}

// cutComment takes a line apart. Marks and one blank behind them are dropped.
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
			// One blank belongs to the mark; more lay out what is commented out.
			text := strings.TrimRight(strings.TrimLeft(line[i:], "#!"), " \t")
			return line[:i], strings.TrimPrefix(text, " "), true
		}
	}
	return line, "", false
}

type carrier struct {
	found map[string][]Comment // by key
	files map[string]*commented
}

// What is said at the end of a block, or behind a statement, has the key of that
// with one of these behind it.
const (
	atEnd  = "/}"
	behind = "/>"
)

// collect notes the comments of every statement under its key. A line's
// comments belong to its first statement.
func (c *carrier) collect(n *config.Node, path string) {
	names := counter{}
	lastOf := map[string]string{} // the last statement of a file: its key
	for _, child := range n.Children {
		at := path + "/" + names.key(child)
		if file := child.Pos.File; n.Words == nil || n.Pos.File != file {
			lastOf[file] = at
		}
		c.take(at, child.Pos)
		if f := c.files[child.Pos.File]; f != nil {
			c.found[at+atEnd] = append(c.found[at+atEnd], f.ending[child.Pos.Line]...)
			delete(f.ending, child.Pos.Line)
		}
		if child.Block {
			c.take(at, child.Brace)
		}
		c.collect(child, at)
		if child.Block {
			c.take(at+atEnd, child.End)
		}
	}
	for file, at := range lastOf {
		if f := c.files[file]; f != nil {
			c.found[at+behind] = append(c.found[at+behind], f.last...)
			f.last = nil
		}
	}
}

// take moves the comments of the line at pos to a key.
func (c *carrier) take(key string, pos config.Pos) {
	f := c.files[pos.File]
	if f == nil {
		return
	}
	for _, from := range []map[int][]Comment{f.above, f.beside} {
		if text, ok := from[pos.Line]; ok {
			c.found[key] = append(c.found[key], text...)
			delete(from, pos.Line)
		}
	}
}

// place puts the comments of a key above the statement that has it; those at an
// end become statements without words.
func place(n *config.Node, path string, found map[string][]Comment) {
	texts := func(key string) (list []string) {
		for _, c := range found[key] {
			list = append(list, c.Text)
		}
		delete(found, key)
		return list
	}
	names := counter{}
	var children []*config.Node // with comments between, once there is one
	for i, child := range n.Children {
		at := path + "/" + names.key(child)
		child.Comments = append(child.Comments, texts(at)...)
		place(child, at, found)
		if child.Block && found[at+atEnd] != nil {
			child.Children = append(child.Children, &config.Node{Comments: texts(at + atEnd)})
		}
		if children != nil {
			children = append(children, child)
		}
		if after := texts(at + behind); after != nil {
			if children == nil {
				children = append(children, n.Children[:i+1]...)
			}
			children = append(children, &config.Node{Comments: after})
		}
	}
	if children != nil {
		n.Children = children
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
