package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file holds what keepalived complains about although it has no
// consequence here, or another one: whoever reads both logs of one file finds
// the same lines in them.

// closing is where keepalived reports what is wrong with a block as a whole:
// at its closing brace. A table of TOML has none.
func (d *decoder) closing(n *Node) Pos {
	if d.ended.Line != 0 {
		return d.ended
	}
	if d.toml() || !n.Block || n.End.Line == 0 {
		return n.Pos
	}
	return n.End
}

// digits is the text of a number. An empty one is 0 for keepalived, which does
// not say so.
func (d *decoder) digits(s string, pos Pos) string {
	if s != "" || d.toml() {
		return s
	}
	d.report(pos, Warning, ClassNone, "empty-number", d.kw.Name+": an empty text is taken for 0")
	return "0"
}

// leading is the text of the number that an argument is. Of "80x" keepalived takes
// the digits in front while it complains: what is in service with it has to be so
// here. Of "0x10" that would be 0, and then the text is no number; nor is it one
// where the digits are beyond high, of which whoever wants the number complains.
func (d *decoder) leading(n *Node, arg, high int) string {
	s := n.Arg(arg)
	digits := strings.TrimPrefix(strings.TrimLeft(s, " \t"), "+")
	end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' })
	if d.toml() || end <= 0 || strings.Trim(digits[:end], "0") == "" {
		return s
	}
	if i, err := strconv.Atoi(digits[:end]); err != nil || i > high {
		return s
	}
	d.bad(n, arg, ClassInvalidNumber, "'%s' is not a whole number: %s is used", clip(s), clip(digits[:end]))
	return digits[:end]
}

// leadingInt is the number that an argument is, of which leading digits count.
func (d *decoder) leadingInt(n *Node, arg, low, high int) (int, error) {
	return parseInt(d.leading(n, arg, high), low, high)
}

// leadingDigits is v, a number, of which leading digits count.
func leadingDigits(v value) value {
	set, high := v.set, int(v.args[0].Range.High)
	v.set = func(d *decoder, target any, n *Node) {
		if s := n.Arg(0); len(n.Words) > 1 {
			if number := d.leading(n, 0, high); number != s {
				other := *n
				other.Words = slices.Clone(n.Words)
				other.Words[1].Text = number
				n = &other
			}
		}
		set(d, target, n)
	}
	return v
}

// isZero says whether s is a number that is 0.
func isZero(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && f == 0
}

// zeroOff is v, of which keepalived takes no 0 although that is its default:
// here 0 is the default. TOML has no other way to say so.
func zeroOff(v value) value {
	set := v.set
	v.set = func(d *decoder, target any, n *Node) {
		set(d, target, n)
		if !d.toml() && len(n.Words) > 1 && (n.Arg(0) == "" || isZero(n.Arg(0))) {
			d.bad(n, 0, ClassInvalidNumber, "'%s' is less than 0.000001 and taken as none at all", clip(n.Arg(0)))
		}
	}
	return v
}

// ignoresValue is an optBool that was without an argument in keepalived until
// some version after 2.2.7: what is no boolean turns it on as before, and one
// that turns it off does not do so in all versions.
func ignoresValue[T any](set func(t *T, v bool)) value {
	v := optBool(set)
	inner := v.set
	v.set = func(d *decoder, target any, n *Node) {
		s := n.Arg(0)
		on, ok := parseBool(s)
		switch {
		case d.toml() || s == "" || on:
			inner(d, target, n)
		case ok:
			inner(d, target, n)
			d.report(n.ArgPos(0), Warning, ClassNone, "flag-argument",
				d.kw.Name+": '"+s+"' turns it off here and in new versions of keepalived; 2.2.7 ignores the value and turns it on: leave the line out")
		default:
			set(target.(*T), true)
			d.report(n.ArgPos(0), Warning, ClassNone, "flag-argument",
				d.kw.Name+": '"+clip(s)+"' is not one of true on yes false off no (lower case): it is on")
		}
	}
	return v
}

// atLeastOne is v in whole seconds from 1: 0 is changed to that.
func atLeastOne(v value) value {
	set := v.set
	v.set = func(d *decoder, target any, n *Node) {
		if len(n.Words) < 2 || n.Arg(0) != "" && !isZero(n.Arg(0)) || d.toml() {
			set(d, target, n)
			return
		}
		d.bad(n, 0, ClassGeneral, "0 is not possible: 1 is used")
		one := *n
		one.Words = []Word{n.Words[0], {Text: "1", Pos: n.ArgPos(0)}}
		set(d, target, &one)
	}
	return v
}

// scriptTimer is a time of a script.
func scriptTimer(set func(s *VRRPScript, v time.Duration)) value {
	return wholeSeconds(atLeastOne(microTimer(0, maxWhole*time.Second, set)))
}

// wholeSeconds is v of which keepalived 2.2.7 takes no smaller unit.
func wholeSeconds(v value) value {
	inner := v.set
	v.set = func(d *decoder, target any, n *Node) {
		if !d.toml() && strings.Contains(n.Arg(0), ".") {
			d.report(n.ArgPos(0), Info, ClassInvalidNumber, "newer-value", d.kw.Name+": keepalived 2.2.7 takes whole seconds only, not "+clip(n.Arg(0)))
		}
		inner(d, target, n)
	}
	return v
}

// atMost is v of which more is taken as high. keepalived has no such bound, but
// limit, and says nothing below that.
func atMost(v value, high string, limit float64) value {
	set := v.set
	highest, err := strconv.ParseFloat(high, 64)
	if err != nil {
		panic(err)
	}
	v.set = func(d *decoder, target any, n *Node) {
		s := n.Arg(0)
		f, err := strconv.ParseFloat(s, 64)
		if d.toml() || err != nil || f <= highest || f > limit || strings.Trim(s, "0123456789.") != "" {
			set(d, target, n)
			return
		}
		d.bad(n, 0, ClassNone, "%s is more than is possible: %s is used", clip(s), high)
		most := *n
		most.Words = []Word{n.Words[0], {Text: high, Pos: n.ArgPos(0)}}
		set(d, target, &most)
	}
	return v
}

// unicastFlag is a flag of an instance that makes sense with peers only.
func unicastFlag(set func(i *instance)) value {
	v := flag(set)
	inner := v.set
	v.set = func(d *decoder, target any, n *Node) {
		inner(d, target, n)
		d.needsPeers(target.(*instance), n)
	}
	return v
}

// needsPeers remembers that a keyword of unicast was there. TOML has no
// fallback to multicast that it could lead to.
func (d *decoder) needsPeers(i *instance, n *Node) {
	if !d.toml() && !i.unicast {
		i.unicast, i.unicastPos = true, n.Pos
	}
}

// groupKnown reports a group after a user that does not exist.
func (d *decoder) groupKnown(name string, n *Node, arg int) bool {
	name = strings.TrimPrefix(name, ":")
	if name == "" || d.opts.GroupExists == nil || d.opts.GroupExists(name) {
		return true
	}
	d.bad(n, arg, ClassGeneral, "group '%s' does not exist", clip(name))
	return false
}

// scriptUser reads the user keyword of a script: both names have to exist. One
// without them is not run: as another user it could do what it must not.
func (d *decoder) scriptUser(c *Command, words []string, n *Node) {
	remember(d.top().target) // of which c is a part
	if d.opts.UserExists != nil && !d.opts.UserExists(words[0]) {
		d.bad(n, 0, ClassGeneral, "user '%s' does not exist: the script is not run", clip(words[0]))
		d.state.nobody[c] = true
		return
	}
	if len(words) > 1 && !d.groupKnown(words[1], n, 1) {
		d.state.nobody[c] = true
		return
	}
	delete(d.state.nobody, c)
	c.User, c.Group = words[0], ""
	if len(words) > 1 {
		c.Group = words[1]
	}
}

// mayMiss are the keywords whose missing argument keepalived reports and goes
// on, by block; at all others it stops.
var mayMiss = named[string]{
	{"", " instance net_namespace vrrp_instance vrrp_sync_group track_group "},
	{"global_defs", " vrrp_priority vrrp_rt_priority vrrp_cpu_affinity checker_rt_priority bfd_priority bfd_rt_priority bfd_cpu_affinity lvs_netlink_cmd_rcv_bufs lvs_netlink_monitor_rcv_bufs checker_priority checker_cpu_affinity" +
		" vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs min_auto_priority_delay tmp_config_directory reload_time_file snmp_socket dbus_service_name startup_script startup_script_timeout shutdown_script shutdown_script_timeout notification_email_from router_id default_interface lvs_sync_daemon lvs_timeouts" +
		" vrrp_garp_extra_if script_user notify_fifo notify_fifo_script vrrp_notify_fifo vrrp_notify_fifo_script" +
		" lvs_notify_fifo lvs_notify_fifo_script process_monitor_rcv_bufs "},
	{"virtual_server", " virtualhost "},
	{"virtual_server/real_server", " virtualhost "},
	{"virtual_server/real_server/HTTP_GET", " virtualhost http_protocol "},
	{"virtual_server/real_server/SSL_GET", " virtualhost http_protocol "},
	{"virtual_server/real_server/MISC_CHECK", " user misc_path "},
	{"virtual_server/real_server/SMTP_CHECK", " helo_name "},
	{"virtual_server/real_server/UDP_CHECK", " payload "},
	{"virtual_server/real_server/FILE_CHECK", " weight "},
	{"SSL", " ca certificate key password "},
	{"virtual_server/real_server/HTTP_GET/url", " virtualhost regex regex_options regex_stack regex_min_offset regex_max_offset "},
	{"virtual_server/real_server/SSL_GET/url", " virtualhost regex regex_options regex_stack regex_min_offset regex_max_offset "},
	{"vrrp_instance", " garp_extra_if kernel_rx_buf_size "},
	{"vrrp_script", " script "},
	{"track_file", " file weight "},
	{"vrrp_track_process", " weight "},
}

// goesOn reports whether keepalived goes on when the argument of kw is missing,
// or does not know kw at all.
func (d *decoder) goesOn(kw *Keyword) bool {
	for _, f := range d.stack {
		if f.key != nil && f.key.Since != "" && !d.toml() {
			return true // keepalived 2.2.7 does not know the block
		}
	}
	names, _ := mayMiss.find(kw.Block)
	return !d.toml() && (kw.Since != "" || strings.Contains(names, " "+kw.Name+" "))
}

// extraWords reports words between the name of a block and its brace that
// nothing reads. keepalived leaves out the blocks of which it says so.
func (d *decoder) extraWords(k *Keyword, n *Node) {
	allowed := 1
	switch {
	case d.toml():
		return
	case k.Shape == ShapeLines:
		allowed = len(k.Args)
	case k.Block != "" || k.Name != "vrrp_instance" && k.Name != "vrrp_sync_group" && k.Name != "track_group":
		return
	}
	if args := n.Args(); len(args) > allowed {
		severity, class := Warning, ClassGeneral
		if k.Path() == "virtual_server_group" {
			severity, class = Error, ClassMissingParameter // keepalived takes the words for one that begins with nothing, and ends
		}
		d.report(args[allowed].Pos, severity, class, "extra-words", n.Keyword()+": '"+clip(args[allowed].Text)+"' before the brace is ignored")
	}
}

// onceKey is a keyword in one block.
type onceKey struct {
	target any // pointer to what the block is decoded into
	name   string
}

// once is v of which the first good one counts, and another one after it is
// reported. TOML has no keyword twice.
func once(v value) value {
	set := v.set
	v.set = func(d *decoder, target any, n *Node) {
		key := onceKey{target, d.kw.Name}
		if d.state.given[key] && !d.toml() {
			d.bad(n, 0, ClassGeneral, "already given: the first one counts")
			return
		}
		findings := d.found.Count()
		if set(d, target, n); d.found.Count() == findings {
			d.state.given[key] = true
			remember(target)
		}
	}
	return v
}

// alone is a value that keepalived does not take with words behind it.
func alone(v value) value {
	set := v.set
	v.set = func(d *decoder, target any, n *Node) {
		if len(n.Words) > 2 {
			d.bad(n, 1, ClassGeneral, "'%s' does not belong here: the line is ignored", clip(n.Words[2].Text))
			return
		}
		set(d, target, n)
	}
	return v
}

// taken reports whether a name was entered for that thing before, and enters
// it: lists are as long as a sequence makes them.
func (d *decoder) taken(thing any, name string) bool {
	key := onceKey{thing, name}
	if d.state.names[key] {
		return true
	}
	d.state.names[key] = true
	remember(thing)
	return false
}

// already reports that a keyword is given a second time where the first one
// counts.
func (d *decoder) already(n *Node, have string) bool {
	if have == "" || d.toml() {
		return false
	}
	d.bad(n, 0, ClassGeneral, "already given: the first one, %s, counts", clip(have))
	return true
}
