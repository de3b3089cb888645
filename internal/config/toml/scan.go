package toml

import (
	"fmt"
	"strings"
)

// maxDepth bounds how deep tables, arrays and dotted keys may nest. The
// deepest key there is (virtual_server.real_server.HTTP_GET.url.path) needs
// five levels; without a bound a hostile file makes any recursive reader,
// ours and the library's, use stack and time out of all proportion.
const maxDepth = 32

// shape says what a place in the file is.
type shape uint8

const (
	isScalar     shape = iota
	isTable            // [name], a.b = …, or implied by either
	isInline           // { … }: complete where it stands
	isArray            // [ … ]: complete where it stands
	isTableArray       // [[name]]
)

// place is what the scanner knows about one value: where it stands and, for
// tables and arrays, the places inside. It carries no values; those come
// from the TOML library.
type place struct {
	shape    shape
	explicit bool              // a table that had a [header] of its own
	dotted   bool              // a table made by a dotted key
	key      int               // offset of the key, or of the value in an array
	value    int               // offset of the value, or of the header
	order    []string          // keys of a table, as they first appear
	fields   map[string]*place // places of a table's keys
	elems    []*place          // places of an array's elements
}

func (p *place) add(name string, child *place) {
	if p.fields == nil {
		p.fields = make(map[string]*place)
	}
	p.fields[name] = child
	p.order = append(p.order, name)
}

// scanError is a place where the scanner could not go on.
type scanError struct {
	off     int
	text    string
	tooDeep bool // the nesting bound, not the syntax, stopped it
}

func (e *scanError) Error() string { return e.text }

// scanner finds the offset of every key and value of a TOML document. It
// accepts everything the library accepts, but a key that is defined twice in
// a way the library lets pass, and nesting beyond maxDepth; it accepts more
// besides, for the library has the last word on what is valid.
type scanner struct {
	in  []byte
	pos int
}

// scan returns the places found in data; with an error, those before it.
func scan(data []byte) (root *place, err *scanError) {
	root = &place{shape: isTable}
	s := &scanner{in: data}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*scanError)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	s.document(root)
	return root, nil
}

// fail ends the scan; scan turns the panic into its error.
func (s *scanner) fail(off int, format string, args ...any) {
	panic(&scanError{off: off, text: fmt.Sprintf(format, args...)})
}

// failDeep ends the scan because of maxDepth.
func (s *scanner) failDeep() {
	text := fmt.Sprintf("tables and arrays are nested more than %d levels deep", maxDepth)
	panic(&scanError{off: s.pos, text: text, tooDeep: true})
}

func (s *scanner) peek() byte {
	if s.pos >= len(s.in) {
		return 0
	}
	return s.in[s.pos]
}

func (s *scanner) has(prefix string) bool {
	return strings.HasPrefix(string(s.in[s.pos:min(s.pos+len(prefix), len(s.in))]), prefix)
}

func (s *scanner) skipBlanks() {
	for s.pos < len(s.in) && (s.in[s.pos] == ' ' || s.in[s.pos] == '\t') {
		s.pos++
	}
}

// skipSpace skips blanks, line ends and comments.
func (s *scanner) skipSpace() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		case '#':
			for s.pos < len(s.in) && s.in[s.pos] != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}

func (s *scanner) document(root *place) {
	current, depth := root, 0
	for {
		s.skipSpace()
		if s.pos >= len(s.in) {
			return
		}
		if s.peek() == '[' {
			current, depth = s.header(root)
		} else {
			s.keyValue(current, depth)
		}
		s.lineEnd()
	}
}

// lineEnd checks that nothing but a comment follows on the line.
func (s *scanner) lineEnd() {
	s.skipBlanks()
	switch s.peek() {
	case '\r', '\n', '#':
	default:
		if s.pos < len(s.in) {
			s.fail(s.pos, "expected the end of the line")
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the table it opens and how deep
// that is.
func (s *scanner) header(root *place) (*place, int) {
	start := s.pos
	array := s.has("[[")
	s.pos++
	if array {
		s.pos++
	}
	path := s.keyPath(']')
	s.pos++
	if array {
		if s.peek() != ']' {
			s.fail(s.pos, "expected ']]' at the end of an array of tables")
		}
		s.pos++
	}
	at := root
	for _, k := range path[:len(path)-1] {
		at = s.descend(at, k, true)
	}
	last := path[len(path)-1]
	have := at.fields[last.name]
	switch {
	case array && have == nil:
		have = &place{shape: isTableArray, key: last.off, value: start}
		at.add(last.name, have)
		fallthrough
	case array && have.shape == isTableArray:
		table := &place{shape: isTable, explicit: true, key: last.off, value: start}
		have.elems = append(have.elems, table)
		return table, len(path)
	case have == nil:
		have = &place{shape: isTable, explicit: true, key: last.off, value: start}
		at.add(last.name, have)
		return have, len(path)
	case !array && have.shape == isTable && !have.explicit && !have.dotted:
		have.explicit, have.key, have.value = true, last.off, start
		return have, len(path)
	}
	s.twice(last, have)
	return nil, 0
}

// descend steps into the table name of at, making it if it is not there. A
// header may pass through anything but a complete value; a dotted key may
// not step back into an array of tables.
func (s *scanner) descend(at *place, k keyPart, header bool) *place {
	next := at.fields[k.name]
	switch {
	case next == nil:
		next = &place{shape: isTable, dotted: !header, key: k.off, value: k.off}
		at.add(k.name, next)
		return next
	case next.shape == isTable:
		return next
	case next.shape == isTableArray && header:
		return next.elems[len(next.elems)-1]
	}
	s.twice(k, next)
	return nil
}

func (s *scanner) twice(k keyPart, have *place) {
	line := 1 + strings.Count(string(s.in[:have.key]), "\n")
	s.fail(k.off, "key %q is already defined on line %d", k.name, line)
}

// keyValue reads "a.b = value" into the table t, which is depth levels deep.
func (s *scanner) keyValue(t *place, depth int) {
	path := s.keyPath('=')
	s.pos++
	for _, k := range path[:len(path)-1] {
		t = s.descend(t, k, false)
	}
	last := path[len(path)-1]
	if have := t.fields[last.name]; have != nil {
		s.twice(last, have)
	}
	s.skipBlanks()
	v := s.anyValue(depth + len(path))
	v.key = last.off
	t.add(last.name, v)
}

// anyValue reads a value that stands at the given depth.
func (s *scanner) anyValue(depth int) *place {
	if depth > maxDepth {
		s.failDeep()
	}
	v := &place{key: s.pos, value: s.pos}
	switch c := s.peek(); {
	case c == '[':
		v.shape = isArray
		s.array(v, depth)
	case c == '{':
		v.shape = isInline
		s.inline(v, depth)
	case s.has(`"""`), s.has(`'''`):
		s.multiline(c)
	case c == '"', c == '\'':
		s.quoted()
	default:
		s.bareValue()
	}
	return v
}

// array reads [ … ], commas and line ends being all alike to it.
func (s *scanner) array(v *place, depth int) {
	open := s.pos
	for s.pos++; ; {
		s.skipSpace()
		switch {
		case s.pos >= len(s.in):
			s.fail(open, "this array has no end")
		case s.peek() == ']':
			s.pos++
			return
		case s.peek() == ',':
			s.pos++
		default:
			v.elems = append(v.elems, s.anyValue(depth+1))
		}
	}
}

// inline reads { … }.
func (s *scanner) inline(v *place, depth int) {
	open := s.pos
	v.shape = isTable // while it is filled dotted keys may step into it
	for s.pos++; ; {
		s.skipSpace()
		switch {
		case s.pos >= len(s.in):
			s.fail(open, "this inline table has no end")
		case s.peek() == '}':
			s.pos++
			closeTables(v)
			return
		case s.peek() == ',':
			s.pos++
		default:
			s.keyValue(v, depth)
		}
	}
}

// closeTables makes an inline table and the tables its dotted keys made
// complete. It stops at tables closed before.
func closeTables(v *place) {
	v.shape = isInline
	for _, f := range v.fields {
		if f.shape == isTable {
			closeTables(f)
		}
	}
}

// bareValue reads a number, date or boolean, which may hold blanks (dates
// do) but ends at anything that can follow a value.
func (s *scanner) bareValue() {
	start := s.pos
	for s.pos < len(s.in) && !strings.ContainsRune(",]}#\r\n", rune(s.in[s.pos])) {
		s.pos++
	}
	if s.pos == start {
		s.fail(start, "expected a value")
	}
}

// multiline reads a string in three quotes. One or two quotes right before
// the closing three belong to the string.
func (s *scanner) multiline(quote byte) {
	open := s.pos
	for s.pos += 3; s.pos < len(s.in); {
		switch c := s.in[s.pos]; {
		case c == '\\' && quote == '"':
			s.pos += 2
		case c == quote:
			run := s.pos
			for s.pos < len(s.in) && s.in[s.pos] == quote {
				s.pos++
			}
			if s.pos-run >= 3 {
				return
			}
		default:
			s.pos++
		}
	}
	s.pos = len(s.in)
	s.fail(open, "this string has no end")
}

// quoted reads a string in single or double quotes and returns its text
// without them, escapes as written.
func (s *scanner) quoted() string {
	open := s.pos
	quote := s.in[open]
	for s.pos++; s.pos < len(s.in); s.pos++ {
		switch c := s.in[s.pos]; {
		case c == '\\' && quote == '"':
			s.pos++
		case c == '\n':
			s.fail(open, "this string has no end on its line")
		case c == quote:
			s.pos++
			return string(s.in[open+1 : s.pos-1])
		}
	}
	s.pos = len(s.in)
	s.fail(open, "this string has no end")
	return ""
}
