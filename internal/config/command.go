package config

import (
	"errors"
	"slices"
	"strings"
)

// errQuote is returned for a command line whose quotes do not match.
var errQuote = errors.New("unmatched quote")

// splitCommand splits a command line into words as keepalived does for
// script-like keywords: single and double quotes group, a backslash escapes
// inside and outside of them, and pieces that touch form one word.
//
// The escapes are \a \b \E \f \n \r \t \v, \ooo (octal), \xHH and \cC; any other
// escaped character stands for itself.
func splitCommand(s string) ([]string, error) {
	var (
		out   []string
		word  strings.Builder
		open  bool // a word has begun
		quote byte
	)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			open = true
			i = unescape(&word, s, i+1)
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				word.WriteByte(c)
			}
		case c == '"' || c == '\'':
			quote, open = c, true
		case isBlank(c):
			if open {
				out = append(out, word.String())
				word.Reset()
				open = false
			}
		default:
			open = true
			word.WriteByte(c)
		}
	}
	if quote != 0 {
		return nil, errQuote
	}
	if open {
		out = append(out, word.String())
	}
	return out, nil
}

// unescape writes the character that the escape at s[i] (behind the backslash)
// stands for and returns the index of its last byte.
func unescape(w *strings.Builder, s string, i int) int {
	const plain = "abEfnrtv"
	const meant = "\a\b\x1b\f\n\r\t\v"
	c := s[i]
	if k := strings.IndexByte(plain, c); k >= 0 {
		w.WriteByte(meant[k])
		return i
	}
	switch {
	case c == 'x' && i+1 < len(s) && hexDigit(s[i+1]) >= 0:
		v := 0
		for n := 0; n < 2 && i+1 < len(s) && hexDigit(s[i+1]) >= 0; n++ {
			i++
			v = v*16 + hexDigit(s[i])
		}
		w.WriteByte(byte(v))
	case c == 'c' && i+1 < len(s):
		i++
		w.WriteByte(s[i] & 0x1f)
	case '0' <= c && c <= '7':
		v := int(c - '0')
		for n := 0; n < 2 && i+1 < len(s) && '0' <= s[i+1] && s[i+1] <= '7'; n++ {
			i++
			v = v*8 + int(s[i]-'0')
		}
		w.WriteByte(byte(v))
	default:
		w.WriteByte(c)
	}
	return i
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'
}

// shellSyntax reports whether a command can only be meant for a shell: one that
// begins with a redirection, such as </dev/tcp/192.0.2.1/80. keepalived runs
// everything else directly.
func shellSyntax(program string) bool { return strings.HasPrefix(program, "<") }

// mention is where a keyword names a program for the first time, and how often it
// does after that.
type mention struct {
	pos     Pos
	keyword string
	more    int
}

// command is command that remembers where the program, which is not that of a
// vrrp_script, was named first by each keyword.
func (d *decoder) command(n *Node) (cmd Command, rest []string, err error) {
	cmd, rest, err = command(n)
	if err == nil && cmd.Set() {
		list := d.state.programs[cmd.Args[0]]
		if i := slices.IndexFunc(list, func(m mention) bool { return m.keyword == d.kw.Name }); i >= 0 {
			list[i].more++
		} else {
			d.state.programs[cmd.Args[0]] = append(list, mention{pos: n.Pos, keyword: d.kw.Name})
		}
	}
	return cmd, rest, err
}

// command reads the command line of a script-like keyword. text gives the words
// of the statement after the keyword: the first one holds the whole command
// with its arguments, what follows is left to the caller (user and group).
func command(n *Node) (cmd Command, rest []string, err error) {
	var words []string
	if n.Raw != "" {
		if words, err = splitCommand(n.Raw); err != nil {
			return Command{}, nil, err
		}
	} else {
		for _, w := range n.Words {
			words = append(words, w.Text)
		}
	}
	if len(words) < 2 {
		return Command{}, nil, nil
	}
	line := strings.TrimSpace(words[1])
	args, err := splitCommand(line)
	if err != nil {
		return Command{}, nil, err
	}
	switch {
	case len(args) == 0:
		return Command{}, words[2:], nil
	case shellSyntax(args[0]):
		cmd = Command{Args: []string{line}, Shell: true}
	default:
		cmd = Command{Args: args}
	}
	return cmd, words[2:], nil
}
