package keepalived

import (
	"strings"

	"holdfast/internal/config"
)

// Bounds on parameters.
const (
	maxExpansion = 64 << 10 // bytes of one expanded line
	maxRounds    = 64       // parameters within parameters
)

// condition takes the @id and @^id prefixes off a line; false drops the line.
func (r *reader) condition(text string, _ config.Pos) (string, bool) {
	for strings.HasPrefix(text, "@") {
		end := strings.IndexAny(text, blanks)
		if end < 0 {
			return "", false // nothing is left of the line
		}
		id := text[1:end]
		want := true
		if strings.HasPrefix(id, "^") {
			id, want = id[1:], false
		}
		if (id == r.opts.ConfigID && id != "") != want {
			return "", false
		}
		text = strings.TrimLeft(text[end:], blanks)
	}
	return text, text != ""
}

// sequence reports ~SEQ, ~SEQx and ~LST, which are not active yet; the line is
// then used up.
func (r *reader) sequence(text string, pos config.Pos) bool {
	if !strings.HasPrefix(text, "~SEQ") && !strings.HasPrefix(text, "~LST") {
		return false
	}
	name := text[:4]
	r.once(name, pos, config.Error, config.ClassNone, "not-active", "%s is not active yet: write the lines out", name)
	return true
}

// definition handles $NAME=VALUE; false: the line is none.
func (r *reader) definition(text string, pos config.Pos) bool {
	if !strings.HasPrefix(text, "$") {
		return false
	}
	n := nameLength(text[1:])
	if n == 0 || len(text) <= n+1 || text[n+1] != '=' {
		return false
	}
	r.define(text[1:n+1], text[n+2:], pos)
	return true
}

// define sets a parameter. A value that ends in a backslash goes on in the next
// line, and the parameter then stands for several lines.
func (r *reader) define(name, value string, _ config.Pos) {
	value = strings.Trim(value, blanks)
	more := strings.HasSuffix(value, `\`)
	value = strings.TrimRight(strings.TrimSuffix(value, `\`), blanks)
	if r.defining != "" {
		value = r.params[name] + "\n" + value
	}
	r.params[name] = value
	r.defining = ""
	if more {
		r.defining = name
	}
	if len(value) > maxExpansion {
		r.defining = ""
		r.params[name] = ""
	}
}

// nameLength returns the length of the parameter name at the start of s.
func nameLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

// expand replaces $NAME and ${NAME}. What is not defined stays as it is.
func (r *reader) expand(text string, pos config.Pos) string {
	for range maxRounds {
		next, changed := r.expandOnce(text, pos)
		if len(next) > maxExpansion {
			r.report(pos, config.Error, config.ClassGeneral, "expansion", "the line grows beyond %d bytes by its parameters", maxExpansion)
			return ""
		}
		if !changed {
			return next
		}
		text = next
	}
	r.report(pos, config.Error, config.ClassGeneral, "expansion", "a parameter refers to itself")
	return ""
}

func (r *reader) expandOnce(text string, pos config.Pos) (string, bool) {
	var b strings.Builder
	changed := false
	for i := 0; i < len(text); {
		if text[i] != '$' {
			b.WriteByte(text[i])
			i++
			continue
		}
		name, size := reference(text[i:])
		value, ok := r.parameter(name, pos)
		if name == "" || !ok {
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
	return b.String(), changed
}

// reference returns the name of the parameter at the start of s, which begins
// with $, and the length of the reference.
func reference(s string) (name string, size int) {
	if strings.HasPrefix(s, "${") {
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return "", 0
		}
		return s[2:end], end + 1
	}
	n := nameLength(s[1:])
	if n == 0 || n+1 < len(s) && strings.IndexByte(blanks+",)", s[n+1]) < 0 {
		return "", 0
	}
	return s[1 : n+1], n + 1
}

// parameter returns the value of a parameter, defined or built in.
func (r *reader) parameter(name string, pos config.Pos) (string, bool) {
	if v, ok := r.params[name]; ok {
		return v, true
	}
	switch word, _, _ := strings.Cut(name, " "); word {
	case "_PWD":
		return directory(pos.File), true
	case "_INSTANCE":
		return r.opts.ConfigID, true
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	case "_ENV", "_RANDOM":
		r.once(word, pos, config.Error, config.ClassNone, "not-active", "${%s} is not active yet", word)
		return "", true
	}
	return "", false
}
