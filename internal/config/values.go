package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is the typed part of a row: what the arguments look like and how they
// are put into a T.
type value struct {
	args   []Arg
	syntax string
	set    setter
}

// row makes a row of a table from its parts.
func row(name, tier string, v value, def, doc string) Keyword {
	return Keyword{Name: name, Tier: tier, Args: v.args, Syntax: v.syntax, Default: def, Doc: doc, set: v.set}
}

func (k Keyword) alias(names ...string) Keyword { k.Aliases = append(k.Aliases, names...); return k }

// words says that the first argument is one of a fixed set: those of the syntax
// unless others are given. fold is the same where case does not matter.
func (k Keyword) words(list ...string) Keyword {
	if list == nil {
		list = strings.Split(k.Syntax, "|")
	}
	k.Args = slices.Clone(k.Args)
	k.Args[0].Words = list
	return k
}

func (k Keyword) fold(list ...string) Keyword {
	k = k.words(list...)
	k.Args[0].Fold = true
	return k
}

func (k Keyword) repeat() Keyword              { k.Repeat = true; return k }
func (k Keyword) since(version string) Keyword { k.Since = version; return k }

// parsedOnly marks a row that is read and checked but has no effect yet. It is
// reported once a use.
func (k Keyword) parsedOnly() Keyword {
	k.Status = ParsedNotActive
	set := k.set
	k.set = func(d *decoder, target any, n *Node) {
		d.report(n.Pos, Warning, ClassNone, NotActiveKept, d.kw.place()+" is not active yet: it has no effect")
		set(d, target, n)
	}
	return k
}

// arg1 returns the first argument, reporting when it is missing.
func arg1(d *decoder, n *Node) (string, bool) {
	if len(n.Words) < 2 {
		d.missing(n, 0)
		return "", false
	}
	return n.Words[1].Text, true
}

// custom is a value with its own setter.
func custom[T any](syntax string, args []Arg, set func(d *decoder, t *T, n *Node)) value {
	return value{syntax: syntax, args: args, set: func(d *decoder, target any, n *Node) { set(d, target.(*T), n) }}
}

// integer is one whole number in low..high.
func integer[T any](name string, low, high int, set func(t *T, v int)) value {
	return number(name, KindInt, low, high, func(_ *decoder, t *T, v int, _ *Node) { set(t, v) })
}

// seconds is a whole number of seconds.
func seconds[T any](name string, low, high int, set func(t *T, v time.Duration)) value {
	return number(name, KindSeconds, low, high, func(_ *decoder, t *T, v int, _ *Node) { set(t, time.Duration(v)*time.Second) })
}

// number is a whole number with a setter that may report.
func number[T any](name string, kind Kind, low, high int, set func(d *decoder, t *T, v int, n *Node)) value {
	v := value{args: []Arg{{Name: name, Kind: kind, Range: Range{float64(low), float64(high)}}}, syntax: "<" + numberRange(low, high, kind) + ">"}
	v.set = func(d *decoder, target any, n *Node) {
		s, ok := arg1(d, n)
		if !ok {
			return
		}
		i, err := parseInt(d.digits(s, n.ArgPos(0)), low, high)
		if err != nil {
			d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
			return
		}
		set(d, target.(*T), i, n)
	}
	return v
}

func numberRange(low, high int, kind Kind) string {
	unit := ""
	if kind == KindSeconds {
		unit = " s"
	}
	if high == math.MaxInt32 || high == math.MaxUint32 {
		return fmt.Sprintf("%d or more%s", low, unit)
	}
	return fmt.Sprintf("%d..%d%s", low, high, unit)
}

// parseInt reads a decimal number as keepalived does: leading zeros, blanks and
// a + are no mistake, but a minus is where no number below 0 may stand. A 0 in
// front makes nothing octal.
func parseInt(s string, low, high int) (int, error) {
	digits := strings.TrimLeft(s, " \t")
	i, err := strconv.ParseInt(digits, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("'%s' is not a whole number", clip(s))
	}
	if low >= 0 && strings.HasPrefix(digits, "-") {
		return 0, fmt.Errorf("%s is outside %d..%d", clip(s), low, high)
	}
	return inRange(s, i, low, high)
}

// parseAny reads a decimal, octal (0…) or hexadecimal (0x…) number, where
// ip-route(8) and ip-rule(8) take them.
func parseAny(s string, low, high int) (int, error) {
	i, err := strconv.ParseInt(s, 0, 64)
	if err != nil || strings.Contains(s, "_") || strings.HasPrefix(strings.ToLower(s), "0b") || strings.HasPrefix(strings.ToLower(s), "0o") {
		return 0, fmt.Errorf("'%s' is not a whole number", clip(s))
	}
	return inRange(s, i, low, high)
}

func inRange(s string, i int64, low, high int) (int, error) {
	if i < int64(low) || i > int64(high) {
		return 0, fmt.Errorf("%s is outside %d..%d", clip(s), low, high)
	}
	return int(i), nil
}

// timer is a decimal number of seconds in low..high.
func timer[T any](name string, low, high time.Duration, set func(t *T, v time.Duration)) value {
	v := value{args: []Arg{{Name: name, Kind: KindTimer, Range: Range{low.Seconds(), high.Seconds()}}}, syntax: "<" + timerRange(low, high) + ">"}
	v.set = func(d *decoder, target any, n *Node) {
		s, ok := arg1(d, n)
		if !ok {
			return
		}
		t, rounded, err := parseTimer(d.digits(s, n.ArgPos(0)), low, high)
		if err != nil {
			d.bad(n, 0, ClassInvalidNumber, "%v, ignored", err)
			return
		}
		if rounded {
			d.bad(n, 0, ClassInvalidNumber, "%s has more than six decimals: %v is used", clip(s), t)
		}
		set(target.(*T), t)
	}
	return v
}

// maxTimer is the longest time a timer may have where keepalived names no bound.
const maxTimer = 4294967295 * time.Second / 1000

// Bounds of times that keepalived keeps as microseconds in 32 bits.
const (
	maxMicros = math.MaxUint32 * time.Microsecond
	maxWhole  = 4294 // seconds
)

// micros is v, a time that keepalived keeps as microseconds in 32 bits. TOML has
// no such bound, but that of wide.
func micros(v, wide value) value {
	set := v.set
	v.syntax = strings.TrimSuffix(v.syntax, ">") + "; more in TOML>"
	v.args = wide.args
	v.set = func(d *decoder, target any, n *Node) {
		if d.toml() {
			wide.set(d, target, n)
			return
		}
		set(d, target, n)
	}
	return v
}

// microSeconds is a whole number of seconds of that kind.
func microSeconds[T any](set func(t *T, v time.Duration)) value {
	return micros(seconds("seconds", 0, maxWhole, set), seconds("seconds", 0, math.MaxUint32, set))
}

// microTimer is a decimal number of seconds of that kind; high is keepalived's
// bound.
func microTimer[T any](low, high time.Duration, set func(t *T, v time.Duration)) value {
	return micros(timer("seconds", low, high, set), timer("seconds", low, maxTimer, set))
}

func timerRange(low, high time.Duration) string {
	l := strconv.FormatFloat(low.Seconds(), 'f', -1, 64)
	if high == maxTimer {
		return l + " s or more"
	}
	return l + ".." + strconv.FormatFloat(high.Seconds(), 'f', -1, 64) + " s"
}

// parseTimer reads decimal seconds with microseconds; rounded reports that
// there were more than six decimals.
func parseTimer(s string, low, high time.Duration) (t time.Duration, rounded bool, err error) {
	whole, frac, _ := strings.Cut(strings.TrimPrefix(strings.TrimLeft(s, " \t"), "+"), ".")
	if s == "" || s == "." || strings.Trim(whole, "0123456789") != "" || strings.Trim(frac, "0123456789") != "" || len(whole) > 10 {
		return 0, false, fmt.Errorf("'%s' is not a number of seconds", clip(s))
	}
	var sec, us int64
	for _, c := range whole {
		sec = sec*10 + int64(c-'0')
	}
	for i := range 6 {
		us *= 10
		if i < len(frac) {
			us += int64(frac[i] - '0')
		}
	}
	if len(frac) > 6 {
		rounded = true
		if frac[6] >= '5' {
			us++
		}
	}
	if sec > int64(maxTimer/time.Second)+1 {
		return 0, false, fmt.Errorf("%s is outside %s", clip(s), timerRange(low, high))
	}
	t = time.Duration(sec)*time.Second + time.Duration(us)*time.Microsecond
	if t < low || t > high {
		return 0, false, fmt.Errorf("%s is outside %s", clip(s), timerRange(low, high))
	}
	return t, rounded, nil
}

// parseBool reads keepalived's booleans, lower case only.
func parseBool(s string) (v, ok bool) {
	switch s {
	case "true", "on", "yes":
		return true, true
	case "false", "off", "no":
		return false, true
	}
	return false, false
}

// flag is a keyword without arguments.
func flag[T any](set func(t *T)) value {
	return value{set: func(d *decoder, target any, n *Node) {
		if len(n.Words) > 1 {
			if v, ok := parseBool(n.Words[1].Text); ok && !v {
				d.report(n.ArgPos(0), Warning, ClassNone, "flag-argument",
					d.kw.Name+" takes no argument: '"+n.Words[1].Text+"' does not turn it off")
			}
		}
		set(target.(*T))
	}}
}

// optBool is a keyword with an optional boolean: none means true.
func optBool[T any](set func(t *T, v bool)) value {
	return value{args: []Arg{{Name: "value", Kind: KindBool, Optional: true}}, syntax: "[true|false]", set: func(d *decoder, target any, n *Node) {
		v := true
		if len(n.Words) > 1 {
			var ok bool
			if v, ok = parseBool(n.Words[1].Text); !ok {
				d.bad(n, 0, ClassGeneral, "'%s' is not one of true on yes false off no (lower case), ignored", clip(n.Words[1].Text))
				return
			}
		}
		set(target.(*T), v)
	}}
}

// text is one word.
func text[T any](name string, set func(t *T, v string)) value {
	return value{args: []Arg{{Name: name}}, syntax: "<" + name + ">", set: func(d *decoder, target any, n *Node) {
		if s, ok := arg1(d, n); ok {
			set(target.(*T), s)
		}
	}}
}

// address is one IP address.
func address[T any](name string, set func(d *decoder, t *T, v netip.Addr, n *Node)) value {
	return value{args: []Arg{{Name: name, Kind: KindAddr}}, syntax: "<address>", set: func(d *decoder, target any, n *Node) {
		s, ok := arg1(d, n)
		if !ok {
			return
		}
		a, err := d.addressIn(s, n, 0)
		if err != nil {
			d.bad(n, 0, ClassGeneral, "'%s' is not an IP address, ignored", clip(s))
			return
		}
		set(d, target.(*T), a, n)
	}}
}

// addressIn reads an address as parseAddr does. What follows it from a slash or
// a minus on is left out with a warning: keepalived takes the address and does
// not say so. TOML has no such address.
func (d *decoder) addressIn(s string, n *Node, arg int) (netip.Addr, error) {
	a, err := parseAddr(s)
	cut := strings.IndexAny(s, "/-")
	if err == nil || cut < 0 || d.toml() {
		return a, err
	}
	if a, err = parseAddr(s[:cut]); err == nil {
		d.bad(n, arg, ClassNone, "'%s' is one address: %s is not looked at", clip(s), clip(s[cut:]))
	}
	return a, err
}

// parseAddr reads an address without zone and port.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, err
	}
	if a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("address %s has a zone", s)
	}
	return a, nil
}

// script is a command line, followed by a user and a group.
func script[T any](set func(d *decoder, t *T, c Command, n *Node)) value {
	return scriptOf(ClassNone, set)
}

// scriptOf is a script; nobody is the class of a user or a group that does not
// exist.
func scriptOf[T any](nobody Class, set func(d *decoder, t *T, c Command, n *Node)) value {
	return value{
		args: []Arg{
			{Name: "command", Kind: KindCommand},
			{Name: "user", Optional: true},
			{Name: "group", Optional: true},
		},
		syntax: "<command> [<user> [[:]<group>]]",
		set: func(d *decoder, target any, n *Node) {
			c, rest, err := d.command(n)
			if err != nil {
				d.report(n.Pos, Warning, ClassUnmatchedQuote, "unmatched-quote", d.kw.Name+": unmatched quote, ignored")
				return
			}
			if _, ok := arg1(d, n); !ok {
				return
			}
			if !c.Set() {
				class := ClassGeneral
				if nobody == ClassNone {
					class = d.quietClass() // keepalived looks at none of these
				}
				d.bad(n, 0, class, "no program given, ignored")
				return
			}
			if !d.setUser(nobody, &c, rest, n) {
				return
			}
			set(d, target.(*T), c, n)
		},
	}
}

// setUser puts user and group, which follow a command, into c. It reports
// false when the command must not be used: the user does not exist.
func (d *decoder) setUser(nobody Class, c *Command, rest []string, n *Node) bool {
	if len(rest) == 0 {
		return true
	}
	c.User = rest[0]
	if len(rest) > 1 {
		c.Group = rest[1]
	}
	if d.toml() {
		nobody = ClassGeneral // else the program would never be run, and nobody knew
	}
	if d.opts.UserExists != nil && !d.opts.UserExists(c.User) {
		d.report(n.Pos, Warning, nobody, "no-such-user",
			fmt.Sprintf("%s: user '%s' does not exist, %s is ignored", d.kw.Name, clip(c.User), d.kw.Name))
		return false
	}
	// keepalived looks for the group where it minds a missing user.
	return nobody == ClassNone || len(rest) < 2 || d.groupKnown(c.Group, n, 2)
}
