package keepalived

import (
	"strings"

	"holdfast/internal/config"
)

// piece is a part of a line between braces: a statement, or one brace.
type piece struct {
	text   string
	column int  // of the first byte of text, from 1
	brace  byte // '{' or '}'; 0 for a statement
}

// stripComment cuts a line at the first ! or # that is neither in double quotes
// nor behind a backslash.
func stripComment(line string) string {
	text, _ := cutComment(line)
	return text
}

// cutComment is stripComment; open reports that a quote is not closed.
func cutComment(line string) (text string, open bool) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
		case c == '"':
			quoted = !quoted
		case (c == '#' || c == '!') && !quoted:
			return line[:i], false
		}
	}
	return line, quoted
}

// endsInBackslash says whether the last byte of a comment is a backslash that no
// other one hides.
func endsInBackslash(comment string) bool {
	return (len(comment)-len(strings.TrimRight(comment, `\`)))%2 == 1
}

// split cuts a line without comment at its braces. Braces in double quotes are
// text; a backslash does not make them so. The pieces are appended to out.
func split(out []piece, line string) []piece {
	quoted := false
	start := 0
	flush := func(end int) {
		text := line[start:end]
		trimmed := trimLeft(text)
		column := start + len(text) - len(trimmed) + 1
		if trimmed = trimRight(trimmed); trimmed != "" {
			out = append(out, piece{text: trimmed, column: column})
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] != '{' && line[i+1] != '}':
			i++
		case c == '"':
			quoted = !quoted
		case (c == '{' || c == '}') && !quoted:
			flush(i)
			out = append(out, piece{brace: c, column: i + 1})
			start = i + 1
		}
	}
	flush(len(line))
	return out
}

const blanks = " \t\r\v\f"

func blank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' && c != '\n' }

// trimLeft and trimRight cut blanks off: several times a line, which package
// strings would first make a set of them for.
func trimLeft(s string) string {
	for len(s) > 0 && blank(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for len(s) > 0 && blank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// words splits a statement into words. Double quotes group, and a quote ends
// the word before it; single quotes and backslashes are plain characters. ok is
// false when a quote is not closed: the words before it are returned. The words
// are appended to out.
func words(out []config.Word, text string, pos config.Pos) ([]config.Word, bool) {
	column := pos.Column
	at := func(i int) config.Pos { return config.Pos{File: pos.File, Line: pos.Line, Column: column + i} }
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case blank(c):
			i++
		case c == '"':
			end := strings.IndexByte(text[i+1:], '"')
			if end < 0 {
				return out, false
			}
			out = append(out, config.Word{Text: text[i+1 : i+1+end], Pos: at(i), Quoted: true})
			i += end + 2
		default:
			end := i + 1
			for end < len(text) && text[end] != '"' && !blank(text[end]) {
				end++
			}
			out = append(out, config.Word{Text: text[i:end], Pos: at(i)})
			i = end
		}
	}
	return out, true
}
