package keepalived

import (
	"fmt"
	"strings"

	"holdfast/internal/config"
)

// Bounds on what parameters and sequences make of a line.
const (
	maxExpansion = 64 << 10 // bytes of one line
	maxRounds    = 64       // parameters within parameters, sequences within sequences
)

// logical reads one line without comment: conditions, sequences, definitions,
// parameters, includes, and at last its statements. What parameters bring in is
// read like a line that was written so; level counts how deep that goes.
func (r *reader) logical(text string, pos config.Pos, depth, level int) {
	if r.stop || !r.grown(text, pos, level) {
		return
	}
	for range maxRounds {
		trimmed, ok := r.condition(trimLeft(text), pos)
		if !ok || r.sequence(trimmed, pos, depth, level) || r.definition(trimmed) {
			return
		}
		// Columns stay as they are in the file: what was cut is made up by blanks.
		if cut := len(text) - len(trimmed); trimLeft(text[:cut]) != "" {
			text = strings.Repeat(" ", cut) + trimmed
		}
		if !strings.Contains(trimmed, "$") {
			r.plain(text, pos, depth)
			return
		}
		next, body, changed := r.expand(text, pos)
		switch {
		case len(next) > maxExpansion:
			r.report(pos, config.Error, config.ClassGeneral, "expansion", "the line grows beyond %d bytes by its parameters", maxExpansion)
			return
		case !r.within(len(next), pos):
			return
		case body != "":
			r.body(next, body, pos, depth, level)
			return
		case !changed:
			r.plain(text, pos, depth)
			return
		}
		// A comment that comes in by a parameter is one.
		text = stripComment(next)
	}
	r.report(pos, config.Error, config.ClassGeneral, "expansion", "a parameter refers to itself")
}

// grown counts what expansion yields; false: a bound is reached.
func (r *reader) grown(text string, pos config.Pos, level int) bool {
	if level == 0 {
		return true
	}
	r.lines++
	switch {
	case level > maxRounds:
		r.report(pos, config.Error, config.ClassGeneral, "expansion", "a parameter refers to itself")
		return false
	case r.lines > maxLines:
		r.bound(pos, "too-large", "parameters and sequences make more than %d lines", maxLines)
		return false
	}
	return r.within(len(text), pos)
}

// within counts bytes that expansion yields; false: there are too many.
func (r *reader) within(size int, pos config.Pos) bool {
	if r.bytes += size; r.bytes > maxBytes {
		r.bound(pos, "too-large", "the configuration with its parameters is larger than %d MiB", maxBytes>>20)
		return false
	}
	return true
}

// body reads the lines of a parameter that stands for several; before is what
// stands in front of it in its line.
func (r *reader) body(before, body string, pos config.Pos, depth, level int) {
	first := true
	for line := range strings.SplitSeq(body, "\n") {
		if first {
			line, first = before+line, false
		}
		// A definition within a body ends with its line.
		r.more, r.trailing = false, false
		if trimLeft(line) != "" {
			r.logical(line, pos, depth, level+1)
		}
	}
}

// plain reads a line in which nothing is left to replace.
func (r *reader) plain(text string, pos config.Pos, depth int) {
	backslash := r.endsComment(pos)
	if r.includeLine(trimLeft(text), pos, depth, backslash) {
		return
	}
	if backslash {
		text = trimRight(text) + `\`
	}
	r.pieces(text, pos)
}

// expand replaces every $NAME and ${NAME} of text by its value, once. What is
// not defined stays as it is. A parameter that stands for several lines is
// replaced at the end of the line only: its lines are then the body.
func (r *reader) expand(text string, pos config.Pos) (out, body string, changed bool) {
	var b strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '$' {
			b.WriteByte(text[i])
			i++
			continue
		}
		name, size := reference(text[i:])
		value, ok := "", false
		if name != "" {
			value, ok = r.parameter(name, pos)
		} else {
			r.unreplaced(text[i:], pos)
		}
		if ok && strings.Contains(value, "\n") {
			if strings.Trim(text[i+size:], blanks) == "" {
				return b.String(), value, true
			}
			r.report(pos, config.Warning, config.ClassNone, "expansion", "$%s stands for several lines: nothing may follow it in its line", name)
			ok = false
		}
		if !ok {
			b.WriteByte('$')
			i++
			continue
		}
		b.WriteString(value)
		i += size
		changed = true
		if b.Len() > maxExpansion {
			break
		}
	}
	return b.String(), "", changed
}

// unreplaced reports a parameter that stays as it is because of what follows its
// name; text begins with its $.
func (r *reader) unreplaced(text string, pos config.Pos) {
	n := nameLength(text[1:])
	if n == 0 || r.hinted == pos {
		return
	}
	name := text[1 : n+1]
	if _, ok := r.params[name]; !ok {
		return
	}
	r.hinted = pos // the line is read again for the parameters in its parameters
	r.found.Add(config.Diagnostic{
		Pos: pos, Severity: config.Warning, ID: "unreplaced",
		Text: fmt.Sprintf("$%s is not replaced where %q follows the name", name, text[n+1:n+2]), Hint: "write ${" + name + "}",
	})
}
