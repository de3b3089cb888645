package keepalived

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"holdfast/internal/config"
)

// maxValue bounds the value of one parameter, in bytes.
const maxValue = 64 << 10

// definition handles $NAME=VALUE; false: the line is none.
func (r *reader) definition(text string) bool {
	if !strings.HasPrefix(text, "$") {
		return false
	}
	n := nameLength(text[1:])
	if n == 0 || len(text) <= n+1 || text[n+1] != '=' {
		return false
	}
	r.define(text[1:n+1], text[n+2:])
	return true
}

// define sets a parameter. A value that ends in a backslash goes on in the next
// line, and the parameter then stands for several lines. Parameters in the
// value are replaced where it is used, not here.
func (r *reader) define(name, value string) {
	value = strings.Trim(value, blanks)
	value = trimRight(strings.TrimSuffix(value, `\`))
	if before := r.params[name]; r.defining != "" && before != "" {
		value = before + "\n" + value
	}
	r.params[name] = value
	r.defining = ""
	if r.more {
		r.defining = name
	}
	if len(value) > maxValue {
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
	word, args, _ := strings.Cut(name, " ")
	args = strings.Trim(args, blanks)
	switch word {
	case "_PWD":
		return directory(pos.File), true
	case "_INSTANCE":
		return r.opts.ConfigID, true
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	case "_ENV":
		if args == "" {
			return "", false
		}
		r.newer(pos, "${_ENV …}")
		if r.opts.Env == nil {
			return "", true
		}
		return r.opts.Env(args), true
	case "_RANDOM":
		return r.number(args, pos)
	}
	return "", false
}

// newer says that keepalived 2.2.7 complains about something of a newer one.
func (r *reader) newer(pos config.Pos, what string) {
	r.report(pos, config.Info, config.ClassUnknownKeyword, "newer-keyword", "%s is not known to keepalived 2.2.7, but to newer ones", what)
}

// number returns a random number for ${_RANDOM [MIN [MAX]]}, 0..32767 without
// bounds. A configuration with random_seed gets the same ones every time.
func (r *reader) number(args string, pos config.Pos) (string, bool) {
	low, high := uint64(0), uint64(32767)
	var err error
	for i, f := range strings.Fields(args) {
		switch i {
		case 0:
			low, err = strconv.ParseUint(f, 10, 32)
		case 1:
			high, err = strconv.ParseUint(f, 10, 32)
		}
		if err != nil {
			r.report(pos, config.Warning, config.ClassGeneral, "bad-random", "${_RANDOM %s}: two numbers are wanted, the least and the greatest", args)
			return "", false
		}
	}
	if low > high {
		r.report(pos, config.Warning, config.ClassNone, "bad-random", "${_RANDOM %s}: %d is greater than %d, which makes it %d", args, low, high, low)
		high = low
	}
	if r.random == nil {
		r.random = rand.New(rand.NewPCG(rand.Uint64(), 0))
	}
	return strconv.FormatUint(low+r.random.Uint64N(high-low+1), 10), true
}

// settings takes the statements of global_defs that change how the rest of the
// file is read: random_seed and include_check.
func (r *reader) settings(w []config.Word) {
	if len(r.open) != 2 || r.open[1].Keyword() != "global_defs" {
		return
	}
	switch w[0].Text {
	case "random_seed":
		if len(w) > 1 {
			if n, err := strconv.ParseUint(w[1].Text, 10, 32); err == nil {
				r.random = rand.New(rand.NewPCG(n, 0))
			}
		}
	case "include_check":
		words := make([]string, len(w)-1)
		for i := range words {
			words[i] = w[i+1].Text
		}
		r.checks, _ = config.ParseIncludeCheck(r.checks, words)
	}
}
