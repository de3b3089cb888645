package toml

import (
	"errors"
	"fmt"

	burntsushi "github.com/BurntSushi/toml"

	"holdfast/internal/config"
)

// MaxSize is the largest file Read accepts, in bytes: 16 MiB, about ten times
// a file with 5,000 services of ten real servers.
const MaxSize = 16 << 20

// Read turns TOML text into a tree of statements. The name is used in
// positions only. Diagnostics are about the form: syntax, and values that
// cannot stand where they stand. Unknown keywords and values out of range are
// left to the decoder. The tree is nil when the text is not valid TOML.
func Read(name string, data []byte) (*config.Node, []config.Diagnostic) {
	data = skipBOM(data)
	r := &reader{name: name, data: data, ranks: map[string]map[string]int{}}
	if len(data) > MaxSize {
		r.complain(0, "file-too-large", "file of %d bytes; the limit is %d", len(data), MaxSize)
		return nil, r.found.All()
	}
	r.lines = newLines(data)
	root, scanErr := scan(data)
	text := data
	if scanErr != nil {
		// Do not give the library more than was found to be harmless.
		line, _ := r.lines.at(scanErr.off)
		if line < len(r.lines) {
			text = data[:r.lines[line]]
		}
	}
	if scanErr != nil && scanErr.tooDeep {
		r.complain(scanErr.off, "toml-syntax", "%s", scanErr.text)
		return nil, r.found.All()
	}
	values, err := decode(text)
	var parse burntsushi.ParseError
	switch {
	case errors.As(err, &parse):
		r.complain(min(max(parse.Position.Start, 0), len(data)), "toml-syntax", "%s", parse.Message)
		return nil, r.found.All()
	case err != nil:
		r.complain(0, "toml-syntax", "%v", err)
		return nil, r.found.All()
	case scanErr != nil:
		r.complain(scanErr.off, "toml-syntax", "%s", scanErr.text)
		return nil, r.found.All()
	}
	tree := &config.Node{Block: true, Pos: r.pos(0), End: r.pos(len(data))}
	tree.Children = r.block("", nil, values, root)
	return tree, r.found.All()
}

// skipBOM drops a byte order mark. The library does so as well; without it
// offsets mean the same to both.
func skipBOM(data []byte) []byte {
	if len(data) >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf {
		return data[3:]
	}
	return data
}

// decode reads text with the library. A panic there becomes an error: the
// library has internal checks that panic, and configuration is user input.
func decode(text []byte) (values map[string]any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the TOML library gave up: %v", p)
		}
	}()
	_, err = burntsushi.Decode(string(text), &values)
	return values, err
}

// reader is the state of turning one file into a tree.
type reader struct {
	name  string
	data  []byte
	lines lines
	found config.Findings
	ranks map[string]map[string]int // per block: keyword -> row in the schema
}

// pos returns the place of an offset.
func (r *reader) pos(off int) config.Pos {
	if r.lines == nil {
		return config.Pos{File: r.name, Line: 1, Column: 1}
	}
	line, column := r.lines.at(off)
	return config.Pos{File: r.name, Line: line, Column: column}
}

// complain adds an error.
func (r *reader) complain(off int, id, format string, args ...any) {
	r.found.Add(config.Diagnostic{
		Pos: r.pos(off), Severity: config.Error, Class: config.ClassGeneral,
		ID: id, Text: fmt.Sprintf(format, args...),
	})
}
