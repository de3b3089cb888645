package keepalived

import (
	"strconv"
	"strings"

	"holdfast/internal/config"
)

// maxTuples bounds the values of one list.
const maxTuples = 4096

// sequence handles ~SEQ, ~SEQx and ~LST: the rest of the line is read once for
// every value of their variable, which keeps the last one. false: the line has
// none at its start.
func (r *reader) sequence(text string, pos config.Pos, depth, level int) bool {
	if !strings.HasPrefix(text, "~SEQ") && !strings.HasPrefix(text, "~LST") {
		return false
	}
	keyword, rest := text[:4], text[4:]
	hex := keyword == "~SEQ" && strings.HasPrefix(rest, "x")
	if hex {
		keyword, rest = "~SEQx", rest[1:]
	}
	spec, line, ok := strings.Cut(trimLeft(rest), ")")
	spec, open := strings.CutPrefix(spec, "(")
	if !ok || !open {
		r.badSequence(pos, keyword, "the form is %s(…) and the line to repeat", keyword)
		return true
	}
	if strings.Contains(spec, "$") {
		spec, _, _ = r.expand(spec, pos)
	}
	if strings.Trim(line, blanks) == "" {
		return true
	}
	if keyword == "~LST" {
		r.list(spec, line, pos, depth, level)
		return true
	}
	s, problem := parseSteps(spec)
	if problem == "" && hex && (s.start < 0 || s.end < 0) {
		problem = "numbers below 0 have no hexadecimal form here"
	}
	if problem != "" {
		r.badSequence(pos, keyword, "%s", problem)
		return true
	}
	base := 10
	if hex {
		base = 16
	}
	for v := s.start; s.step > 0 && v <= s.end || s.step < 0 && v >= s.end; v += s.step {
		if r.stop {
			break
		}
		r.params[s.name] = strconv.FormatInt(v, base)
		r.logical(line, pos, depth, level+1)
	}
	return true
}

func (r *reader) badSequence(pos config.Pos, keyword, format string, args ...any) {
	r.report(pos, config.Warning, config.ClassGeneral, "bad-sequence", keyword+": "+format+"; the line is ignored", args...)
}

// steps are the values of ~SEQ: start, start+step and so on up to end.
type steps struct {
	name             string
	start, step, end int64
}

// parseSteps reads NAME[, START[, STEP]], END. A problem is told in words.
func parseSteps(spec string) (s steps, problem string) {
	f := strings.Split(spec, ",")
	for i := range f {
		f[i] = strings.Trim(f[i], blanks)
	}
	s.name = f[0]
	if s.name == "" || nameLength(s.name) != len(s.name) {
		return s, "the name of the variable is not one"
	}
	if len(f) < 2 || len(f) > 4 {
		return s, "a variable and one to three numbers are wanted"
	}
	var n [3]int64
	for i, text := range f[1:] {
		v, err := strconv.ParseInt(text, 0, 32)
		if err != nil {
			return s, strconv.Quote(text) + " is not a number"
		}
		n[i] = v
	}
	switch len(f) {
	case 2:
		s.end, s.start = n[0], 1
		if s.end < 0 {
			s.start = -1
		}
	case 3:
		s.start, s.end = n[0], n[1]
	default:
		s.start, s.step, s.end = n[0], n[1], n[2]
		if s.step == 0 {
			return s, "a step of 0 leads nowhere"
		}
	}
	if s.step == 0 {
		s.step = 1
		if s.end < s.start {
			s.step = -1
		}
	}
	if s.step > 0 && s.end < s.start || s.step < 0 && s.end > s.start {
		return s, "the steps lead away from the end"
	}
	return s, ""
}

// list repeats line for every value of ~LST(NAME, VALUE...) or tuple of
// ~LST({NAME, NAME}, {VALUE, VALUE}...).
func (r *reader) list(spec, line string, pos config.Pos, depth, level int) {
	tuples, problem := parseTuples(spec)
	if problem == "" && len(tuples) < 2 {
		problem = "a variable and at least one value are wanted"
	}
	if problem != "" {
		r.badSequence(pos, "~LST", "%s", problem)
		return
	}
	names := tuples[0]
	for _, n := range names {
		if n == "" || nameLength(n) != len(n) {
			r.badSequence(pos, "~LST", "%q is not the name of a variable", n)
			return
		}
	}
	for _, t := range tuples[1:] {
		if len(t) > len(names) {
			r.badSequence(pos, "~LST", "there are more values than variables in {%s}", strings.Join(t, ","))
			return
		}
	}
	for _, t := range tuples[1:] {
		if r.stop {
			return
		}
		for i, n := range names {
			r.params[n] = ""
			if i < len(t) {
				r.params[n] = t[i]
			}
		}
		r.logical(line, pos, depth, level+1)
	}
}

// parseTuples reads values and {tuples} between commas.
func parseTuples(spec string) (out [][]string, problem string) {
	for first := true; first || spec != ""; first = false {
		if len(out) > maxTuples {
			return nil, "there are more than 4096 values"
		}
		spec = trimLeft(spec)
		var t []string
		if inner, ok := strings.CutPrefix(spec, "{"); ok {
			body, rest, closed := strings.Cut(inner, "}")
			if !closed {
				return nil, "a { is not closed"
			}
			for v := range strings.SplitSeq(body, ",") {
				t = append(t, strings.Trim(v, blanks))
			}
			spec = trimLeft(rest)
			if spec != "" && spec[0] != ',' {
				return nil, "a comma is wanted behind }"
			}
		} else {
			v, _, _ := strings.Cut(spec, ",")
			spec = spec[len(v):]
			t = []string{strings.Trim(v, blanks)}
		}
		for _, v := range t {
			if strings.ContainsAny(v, blanks+`"`) {
				return nil, strconv.Quote(v) + ": a value has neither blanks nor quotes"
			}
		}
		out = append(out, t)
		more := strings.HasPrefix(spec, ",")
		spec = strings.TrimPrefix(spec, ",")
		if more && spec == "" {
			out = append(out, []string{""})
		}
	}
	return out, ""
}
