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
	value = strings.TrimRight(strings.TrimSuffix(value, `\`), blanks)
	if r.defining != "" {
		value = r.params[name] + "\n" + value
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
		if r.opts.Env == nil {
			return "", true
		}
		return r.opts.Env(args), true
	case "_RANDOM":
		return r.number(args, pos)
	}
	return "", false
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
		default:
			err = strconv.ErrSyntax
		}
		if err != nil {
			r.report(pos, config.Warning, config.ClassGeneral, "bad-random", "${_RANDOM %s}: two numbers are wanted, the least and the greatest", args)
			return "", false
		}
	}
	if low > high {
		r.report(pos, config.Warning, config.ClassGeneral, "bad-random", "${_RANDOM %s}: %d is greater than %d, which makes it %d", args, low, high, low)
		high = low
	}
	if r.random == nil {
		r.random = rand.New(rand.NewPCG(rand.Uint64(), 0))
	}
	return strconv.FormatUint(low+r.random.Uint64N(high-low+1), 10), true
}

// seed takes the statement random_seed of global_defs.
func (r *reader) seed(w []config.Word) {
	if len(w) == 2 && w[0].Text == "random_seed" && len(r.open) == 2 {
		if n, err := strconv.ParseUint(w[1].Text, 10, 32); err == nil {
			r.random = rand.New(rand.NewPCG(n, 0))
		}
	}
}
