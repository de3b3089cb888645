package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// dumped is a configuration as "keepalived -d" tells it: the things in it, by
// name, with their fields. A field that is given several times has several
// values; what stands below a field belongs to its value.
type dumped map[string]fieldsOf

type fieldsOf map[string][]string

func (f fieldsOf) add(key string, value ...string) {
	f[key] = append(f[key], strings.Join(value, " | "))
}

// in finds a thing, or makes it.
func (d dumped) in(name string) fieldsOf {
	if d[name] == nil {
		d[name] = fieldsOf{}
	}
	return d[name]
}

var (
	logTime   = regexp.MustCompile(`^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} [0-9]{4}: `)
	rule      = regexp.MustCompile(`^ *------< (.*) >------$`)
	separator = regexp.MustCompile(` = | is |: | unset$| :$|:$`)
)

// readDump reads the log of a keepalived that runs with -d.
func readDump(log string) dumped {
	d := dumped{}
	r := dumpReader{out: d}
	for line := range strings.SplitSeq(log, "\n") {
		if at := logTime.FindStringIndex(line); at != nil {
			r.line(line[at[1]:])
		}
	}
	return d
}

type dumpReader struct {
	out     dumped
	section string
	service string // name of the virtual server
	thing   fieldsOf
	key     string // of the last field
	count   map[string]int
	begun   bool // the next line names a server
}

// kinds are the sections whose things are compared, and what they are called.
var kinds = map[string]string{
	"VRRP Topology": "VRRP Instance", "VRRP Scripts": "VRRP Script", "VRRP Sync groups": "VRRP Sync Group",
	"VRRP Track files": "Track file", "VRRP Track processes": "VRRP Track process", "VRRP Track BFDs": "VRRP Track BFD",
	"Checker track files": "Track file",
}

// deepFields are fields of a server that stand where values of a list do.
var deepFields = []string{"RS up notify script", "RS down notify script", "VirtualHost"}

func (r *dumpReader) line(text string) {
	if m := rule.FindStringSubmatch(text); m != nil {
		r.section, r.thing, r.key, r.begun = m[1], nil, "", true
		if m[1] == "Global definitions" {
			r.thing = r.out.in("global_defs")
		}
		return
	}
	body := strings.TrimLeft(text, " ")
	indent := len(text) - len(body)
	key, value := cutField(body)
	switch {
	case indent == 0: // of another process, or no part of the dump
	case r.section == "Global definitions":
		r.field(indent-2, key, value, body)
	case r.section == "Virtual server" && r.begun:
		r.begun = false
		r.service, _, _ = strings.Cut(strings.NewReplacer("VIP = ", "", "VPORT = ", "").Replace(body), " (")
		r.thing = r.out.in(r.service)
	case r.section == "Real server" && r.begun:
		r.begun = false
		name, _, _ := strings.Cut(strings.NewReplacer("RIP = ", "", "RPORT = ", "").Replace(body), ", WEIGHT")
		r.thing = r.out.in(r.service + " -> " + name)
	case r.section == "Real server" && slices.Contains(deepFields, key):
		r.field(3, key, value, body) // though it stands deeper
	case r.section == "Health checkers" && indent == 1:
		r.begun, r.thing = true, fieldsOf{}
		r.service = body
	case r.section == "Health checkers" && key == "Keepalive method":
		kind, protocol, _ := strings.Cut(value, ", ")
		if r.count == nil {
			r.count = map[string]int{}
		}
		r.count[r.service+kind]++
		r.out[fmt.Sprintf("%s %s %d", r.service, kind, r.count[r.service+kind])] = r.thing
		r.field(indent, "protocol", protocol, body)
	case indent == 1 && kinds[r.section] == key && key != "":
		name, _, _ := strings.Cut(value, ", ")
		r.thing = r.out.in(key + " " + name)
		r.key = ""
	default:
		r.field(indent, key, value, body)
	}
}

// field takes one line of a thing.
func (r *dumpReader) field(indent int, key, value, body string) {
	switch {
	case r.thing == nil:
	case indent <= 3 && !(r.section == "Global definitions" && indent > 0):
		r.thing.add(key, value)
		r.key = key
	case r.key != "":
		values := r.thing[r.key]
		last := &values[len(values)-1]
		if *last != "" {
			*last += " | "
		}
		*last += body
	}
}

// cutField parts "delay = 5", "alpha is OFF", "Check unicast src : no" and
// "Virtual IP (2):".
func cutField(s string) (key, value string) {
	key = s
	if at := separator.FindStringIndex(s); at != nil {
		key, value = s[:at[0]], s[at[1]:]
	}
	if rest, ok := strings.CutPrefix(key, "Multicast address "); ok {
		return "Multicast address", rest
	}
	if rest, ok := strings.CutPrefix(key, "Use VMAC, i/f name "); ok {
		return "Use VMAC", rest
	}
	key, _, _ = strings.Cut(key, " (")
	return strings.TrimSpace(key), strings.TrimSpace(value)
}
