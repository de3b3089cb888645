package toml

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// keyPart is one part of a dotted key.
type keyPart struct {
	name string
	off  int
}

// keyPath reads a dotted key up to the byte end, which it leaves unread.
func (s *scanner) keyPath(end byte) []keyPart {
	var path []keyPart
	for {
		s.skipBlanks()
		if len(path) == maxDepth {
			s.failDeep()
		}
		path = append(path, s.keyPart())
		s.skipBlanks()
		switch s.peek() {
		case end:
			return path
		case '.':
			s.pos++
		default:
			s.fail(s.pos, "expected '.' or %q after a key", end)
		}
	}
}

func (s *scanner) keyPart() keyPart {
	start := s.pos
	switch s.peek() {
	case '\'':
		return keyPart{s.quoted(), start}
	case '"':
		name, ok := unescape(s.quoted())
		if !ok {
			s.fail(start, "bad escape in a key")
		}
		return keyPart{name, start}
	}
	for s.pos < len(s.in) && isBareKey(s.in[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		s.fail(start, "expected a key")
	}
	return keyPart{string(s.in[start:s.pos]), start}
}

func isBareKey(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// unescape resolves the escapes of a basic string.
func unescape(text string) (string, bool) {
	if !strings.Contains(text, `\`) {
		return text, true
	}
	const simple, meaning = "btnfre\"\\", "\b\t\n\f\r\x1b\"\\"
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", false
		}
		if at := strings.IndexByte(simple, text[i]); at >= 0 {
			out.WriteByte(meaning[at])
			continue
		}
		n := digits[text[i]]
		if n == 0 || i+n >= len(text) {
			return "", false
		}
		code, err := strconv.ParseUint(text[i+1:i+1+n], 16, 32)
		if err != nil || code > utf8.MaxRune || !utf8.ValidRune(rune(code)) {
			return "", false
		}
		out.WriteRune(rune(code))
		i += n
	}
	return out.String(), true
}

// lines turns offsets into line and column.
type lines []int

// newLines notes where every line of data starts.
func newLines(data []byte) lines {
	l := lines{0}
	for i, c := range data {
		if c == '\n' {
			l = append(l, i+1)
		}
	}
	return l
}

// at returns the line and the column, in bytes, both from 1.
func (l lines) at(off int) (line, column int) {
	line = sort.Search(len(l), func(i int) bool { return l[i] > off })
	return line, off - l[line-1] + 1
}
