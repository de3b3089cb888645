package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// command is what a line asks for.
type command struct {
	verb    string            // long name: add-service
	options map[string]string // long name of an option: its argument
	args    []string          // words that belong to no option
}

// takes says whether an option has an argument.
type takes uint8

const (
	nothing takes = iota
	required
	optional // the next word unless it begins with a dash
)

// option is one of ipvsadm's.
type option struct {
	long  string
	short byte
	takes takes
	verb  bool // says what to do
}

// options are those of ipvsadm 1.31 that have a meaning in a rule file, and
// the verbs that have none there, for a better message.
var options = []option{
	{"add-service", 'A', nothing, true},
	{"edit-service", 'E', nothing, true},
	{"delete-service", 'D', nothing, true},
	{"clear", 'C', nothing, true},
	{"add-server", 'a', nothing, true},
	{"edit-server", 'e', nothing, true},
	{"delete-server", 'd', nothing, true},
	{"set", 0, nothing, true},
	{"start-daemon", 0, required, true},
	{"stop-daemon", 0, required, true},
	{"list", 'L', nothing, true},
	{"list", 'l', nothing, true},
	{"zero", 'Z', nothing, true},
	{"restore", 'R', nothing, true},
	{"save", 'S', nothing, true},
	{"help", 'h', nothing, true},

	{"tcp-service", 't', required, false},
	{"udp-service", 'u', required, false},
	{"sctp-service", 0, required, false},
	{"fwmark-service", 'f', required, false},
	{"ipv6", '6', nothing, false},
	{"scheduler", 's', required, false},
	{"pe", 0, required, false},
	{"persistent", 'p', optional, false},
	{"netmask", 'M', required, false},
	{"ops", 'o', nothing, false},
	{"sched-flags", 'b', required, false},

	{"real-server", 'r', required, false},
	{"gatewaying", 'g', nothing, false},
	{"ipip", 'i', nothing, false},
	{"masquerading", 'm', nothing, false},
	{"tun-type", 0, required, false},
	{"tun-port", 0, required, false},
	{"tun-nocsum", 0, nothing, false},
	{"tun-csum", 0, nothing, false},
	{"tun-remcsum", 0, nothing, false},
	{"weight", 'w', required, false},
	{"u-threshold", 'x', required, false},
	{"l-threshold", 'y', required, false},

	{"mcast-interface", 0, required, false},
	{"syncid", 0, required, false},
	{"sync-maxlen", 0, required, false},
	{"mcast-group", 0, required, false},
	{"mcast-port", 0, required, false},
	{"mcast-ttl", 0, required, false},
}

// split takes a line apart as ipvsadm does: at blanks, but for quotes and
// backslashes. What follows # at the beginning of a word is a comment.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'':
			if i++; i == len(line) {
				return nil, errors.New("a backslash ends the line")
			}
			word.WriteByte(line[i])
			in = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		case c == '#' && !in:
			return words, nil
		default:
			word.WriteByte(c)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("no closing %c", quote)
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// parse sorts the words of a line into a verb and its options.
func parse(words []string) (*command, error) {
	c := &command{options: map[string]string{}}
	for len(words) > 0 {
		w := words[0]
		words = words[1:]
		var err error
		switch {
		case strings.HasPrefix(w, "--") && len(w) > 2:
			words, err = c.long(w[2:], words)
		case strings.HasPrefix(w, "-") && len(w) > 1:
			words, err = c.short(w[1:], words)
		default:
			c.args = append(c.args, w)
		}
		if err != nil {
			return nil, err
		}
	}
	if c.verb == "" {
		return nil, errors.New("no command: one of -A -E -D -C -a -e -d --set --start-daemon --stop-daemon is wanted")
	}
	return c, nil
}

func (c *command) long(word string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(word, "=")
	for i := range options {
		o := &options[i]
		switch {
		case o.long != name:
			continue
		case given && o.takes == nothing:
			return nil, fmt.Errorf("option --%s takes no argument", name)
		case given:
			return rest, c.add(o, value)
		}
		return c.take(o, rest)
	}
	return nil, fmt.Errorf("unknown option --%s", name)
}

// short reads options that stand together; the rest of the word may be the
// last one's argument.
func (c *command) short(word string, rest []string) ([]string, error) {
	for len(word) > 0 {
		var o *option
		for i := range options {
			if options[i].short == word[0] {
				o = &options[i]
				break
			}
		}
		if o == nil {
			return nil, fmt.Errorf("unknown option -%c", word[0])
		}
		word = word[1:]
		if o.takes == nothing {
			if err := c.add(o, ""); err != nil {
				return nil, err
			}
			continue
		}
		if word != "" {
			return rest, c.add(o, strings.TrimPrefix(word, "="))
		}
		return c.take(o, rest)
	}
	return rest, nil
}

// take adds an option with the next word as its argument, if it has one.
func (c *command) take(o *option, rest []string) ([]string, error) {
	value := ""
	switch {
	case o.takes == nothing:
	case len(rest) > 0 && (o.takes == required || !strings.HasPrefix(rest[0], "-")):
		value, rest = rest[0], rest[1:]
	case o.takes == required:
		return nil, fmt.Errorf("option --%s needs an argument", o.long)
	}
	return rest, c.add(o, value)
}

func (c *command) add(o *option, value string) error {
	if o.verb {
		if c.verb != "" {
			return fmt.Errorf("--%s and --%s are two commands", c.verb, o.long)
		}
		c.verb = o.long
	}
	if _, twice := c.options[o.long]; twice {
		return fmt.Errorf("option --%s is given twice", o.long)
	}
	c.options[o.long] = value
	return nil
}

// only refuses options that do not go with the verb.
func (c *command) only(names ...string) error {
	for _, o := range slices.Sorted(maps.Keys(c.options)) {
		if o != c.verb && !slices.Contains(names, o) {
			return fmt.Errorf("option --%s does not go with --%s", o, c.verb)
		}
	}
	return nil
}

// has reports whether an option was given.
func (c *command) has(name string) bool {
	_, ok := c.options[name]
	return ok
}
