package rules

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/ipvs"
)

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// maxErrors bounds how many lines are reported.
const maxErrors = 100

// Read does the commands of a rule file on start and returns what comes of
// it, in canonical order, or everything that is wrong: the result is of use
// only without errors.
func Read(text string, start Rules, names Names) (Rules, []*Error) {
	r := reader{Rules: start, names: names, services: map[ipvs.ServiceKey]int{}, servers: map[serverKey]int{}}
	r.Table = start.Table.Clone()
	r.Daemons = slices.Clone(start.Daemons)
	for i := range r.Table {
		e := &r.Table[i]
		r.services[e.ServiceKey] = i
		for j := range e.Dests {
			r.servers[serverKey{e.ServiceKey, e.Dests[j].DestKey}] = j
		}
	}
	var errs []*Error
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := r.line(strings.TrimSuffix(line, "\n")); err != nil {
			if len(errs) == maxErrors {
				errs = append(errs, &Error{n, "and more"})
				break
			}
			errs = append(errs, &Error{n, err.Error()})
		}
	}
	r.Table = slices.DeleteFunc(r.Table, func(e ipvs.Entry) bool { return e.Family == 0 })
	for i := range r.Table {
		e := &r.Table[i]
		e.Dests = slices.DeleteFunc(e.Dests, func(d ipvs.Destination) bool { return !d.Addr.IsValid() })
	}
	r.Table.Sort()
	return r.Rules, errs
}

// Blank reports whether a rule file says nothing of services: it is empty, has
// comments only, or has only timeouts and connection-sync daemons, as what is left
// of a saved file that was cut off. Without a start it comes to an empty table, as a
// file that says --clear does, and most often nobody meant that.
func Blank(text string) bool {
	for line := range strings.Lines(text) {
		words, err := split(strings.TrimSuffix(line, "\n"))
		if err == nil && len(words) == 0 {
			continue
		}
		c, perr := parse(program(words))
		if err != nil || perr != nil {
			return false
		}
		switch c.verb {
		case "set", "start-daemon", "stop-daemon":
		default:
			return false
		}
	}
	return true
}

// program are the words of a command behind the name of ipvsadm, if it is there.
func program(words []string) []string {
	if len(words) > 0 && (words[0] == "ipvsadm" || strings.HasSuffix(words[0], "/ipvsadm")) {
		return words[1:]
	}
	return words
}

// reader is what the lines read so far have made.
type reader struct {
	Rules
	names Names
	// services and servers are places in the table. What is deleted stays
	// there until the end, without a family or an address.
	services map[ipvs.ServiceKey]int
	servers  map[serverKey]int
}

type serverKey struct {
	service ipvs.ServiceKey
	server  ipvs.DestKey
}

func (r *reader) line(line string) error {
	words, err := split(line)
	if err != nil || len(words) == 0 {
		return err
	}
	c, err := parse(program(words))
	if err != nil {
		return err
	}
	if len(c.args) > 0 && c.verb != "set" {
		return fmt.Errorf("unexpected argument %q", c.args[0])
	}
	switch c.verb {
	case "add-service", "edit-service", "delete-service":
		return r.service(c)
	case "add-server", "edit-server", "delete-server":
		return r.server(c)
	case "clear":
		if err := c.only(); err != nil {
			return err
		}
		r.Table = nil
		clear(r.services)
		clear(r.servers)
		return nil
	case "set":
		return r.timeouts(c)
	case "start-daemon", "stop-daemon":
		return r.daemon(c)
	}
	return fmt.Errorf("--%s is no rule", c.verb)
}

// keyOptions name a service.
var keyOptions = []string{"tcp-service", "udp-service", "sctp-service", "fwmark-service", "ipv6"}

func (r *reader) service(c *command) error {
	allowed := keyOptions
	if c.verb != "delete-service" {
		allowed = append(slices.Clone(keyOptions), "scheduler", "pe", "persistent", "netmask", "ops", "sched-flags")
	}
	if err := c.only(allowed...); err != nil {
		return err
	}
	k, err := r.key(c)
	if err != nil {
		return err
	}
	i, there := r.services[k]
	switch {
	case c.verb == "add-service" && there:
		return fmt.Errorf("service %s exists already", ServiceName(k))
	case c.verb != "add-service" && !there:
		return fmt.Errorf("there is no service %s", ServiceName(k))
	case c.verb == "delete-service":
		for _, d := range r.Table[i].Dests {
			delete(r.servers, serverKey{k, d.DestKey})
		}
		r.Table[i] = ipvs.Entry{}
		delete(r.services, k)
		return nil
	}
	s, err := c.service(k)
	if err != nil {
		return err
	}
	if there {
		r.Table[i].Service = s
		return nil
	}
	r.services[k] = len(r.Table)
	r.Table = append(r.Table, ipvs.Entry{Service: s})
	return nil
}

func (r *reader) server(c *command) error {
	allowed := append(slices.Clone(keyOptions), "real-server")
	if c.verb != "delete-server" {
		allowed = append(allowed, "gatewaying", "ipip", "masquerading", "weight", "u-threshold", "l-threshold",
			"tun-type", "tun-port", "tun-nocsum", "tun-csum", "tun-remcsum")
	}
	if err := c.only(allowed...); err != nil {
		return err
	}
	k, err := r.key(c)
	if err != nil {
		return err
	}
	i, there := r.services[k]
	if !there {
		return fmt.Errorf("there is no service %s", ServiceName(k))
	}
	d, err := r.dest(c, k)
	if err != nil {
		return err
	}
	e := &r.Table[i]
	place := serverKey{k, d.DestKey}
	j, there := r.servers[place]
	name := fmt.Sprintf("server [%s]:%d", d.Addr, d.Port)
	switch {
	case c.verb == "add-server" && there:
		return fmt.Errorf("%s of %s exists already", name, k)
	case c.verb != "add-server" && !there:
		return fmt.Errorf("%s has no %s", k, name)
	case c.verb == "add-server":
		r.servers[place] = len(e.Dests)
		e.Dests = append(e.Dests, d)
	case c.verb == "edit-server":
		e.Dests[j] = d
	default:
		e.Dests[j] = ipvs.Destination{}
		delete(r.servers, place)
	}
	return nil
}
