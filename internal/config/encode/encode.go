// Package encode turns a configuration back into statements: the inverse of
// config.Decode for both languages. It is pure. What a keyword's default says
// in the language at hand is left out, so that decoding the statements gives
// the configuration again.
//
// What the model no longer knows is not there: parameters, includes, the order
// of keywords, keywords that had no effect, and the values that others override
// (VRRPInstance.Ignored).
package encode

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/config"
)

// Tree returns the statements of c in the given language.
func Tree(c *config.Config, lang config.Language) *config.Node {
	e := &encoder{c: c, toml: lang == config.TOML, at: &config.Node{Block: true}}
	root := e.at
	e.daemon(&c.Daemon)
	e.global(&c.Global)
	for i := range c.Scripts {
		e.script(&c.Scripts[i])
	}
	e.tracked()
	for i := range c.GARPGroups {
		e.garpGroup(&c.GARPGroups[i])
	}
	e.static()
	for i := range c.Instances {
		e.instance(&c.Instances[i])
	}
	for i := range c.SyncGroups {
		e.group(&c.SyncGroups[i])
	}
	for i := range c.ServiceGroups {
		e.serviceGroup(&c.ServiceGroups[i])
	}
	e.ssl(&c.SSL)
	for i := range c.VirtualServers {
		e.service(&c.VirtualServers[i])
	}
	return root
}

// encoder adds statements to the block at.
type encoder struct {
	c    *config.Config
	toml bool
	at   *config.Node
}

// put adds a statement.
func (e *encoder) put(words ...string) *config.Node {
	n := &config.Node{}
	for _, w := range words {
		n.Words = append(n.Words, config.Word{Text: w})
	}
	e.at.Children = append(e.at.Children, n)
	return n
}

// block adds a block with what inner adds; one that stays empty is left out
// unless keep is set.
func (e *encoder) block(keep bool, inner func(), words ...string) {
	outer := e.at
	n := e.put(words...)
	n.Block = true
	e.at = n
	inner()
	e.at = outer
	if len(n.Children) == 0 && !keep {
		outer.Children = outer.Children[:len(outer.Children)-1]
	}
}

// flag adds a keyword without argument.
func (e *encoder) flag(name string, v bool) {
	if v {
		e.put(name)
	}
}

// boolean adds a keyword with true or false.
func (e *encoder) boolean(name string, v, def bool) {
	if v != def {
		e.put(name, strconv.FormatBool(v))
	}
}

func (e *encoder) number(name string, v, def int) {
	if v != def {
		e.put(name, strconv.Itoa(v))
	}
}

func (e *encoder) text(name, v, def string) {
	if v != def {
		e.put(name, v)
	}
}

// time adds a time in seconds.
func (e *encoder) time(name string, v, def time.Duration) {
	if v != def {
		e.put(name, seconds(v))
	}
}

func (e *encoder) addr(name string, v, def netip.Addr) {
	if v != def && v.IsValid() {
		e.put(name, v.String())
	}
}

// command adds a script-like keyword.
func (e *encoder) command(name string, c config.Command) {
	if !c.Set() {
		return
	}
	words := []string{name, line(c)}
	e.put(append(words, user(c)...)...)
}

// user is what follows a command.
func user(c config.Command) []string {
	switch {
	case c.User == "":
		return nil
	case c.Group == "":
		return []string{c.User}
	}
	return []string{c.User, c.Group}
}

// seconds writes a time as decimal seconds.
func seconds(d time.Duration) string {
	s := strconv.FormatInt(int64(d/time.Second), 10)
	if us := int64(d % time.Second / time.Microsecond); us != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(1_000_000+us, 10)[1:], "0")
	}
	return s
}

// line writes a command as one text that splits into its words again.
func line(c config.Command) string {
	if c.Shell {
		return c.Args[0]
	}
	out := make([]string, len(c.Args))
	for i, a := range c.Args {
		out[i] = shellWord(a, i == 0)
	}
	return strings.Join(out, " ")
}

// shellWord quotes a word of a command where that is needed.
func shellWord(s string, first bool) string {
	plain := s != "" && strings.IndexFunc(s, func(c rune) bool {
		return c <= ' ' || c == 0x7f || strings.ContainsRune("'\"\\", c)
	}) < 0
	if plain && (!first || s[0] != '<') {
		return s
	}
	var b strings.Builder
	b.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c == 0x7f:
			b.WriteString(`\x`)
			b.WriteByte("0123456789abcdef"[c>>4])
			b.WriteByte("0123456789abcdef"[c&15])
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
