package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"holdfast/ipvs"
)

// timeouts is --set tcp tcpfin udp.
func (r *reader) timeouts(c *command) error {
	if err := c.only(); err != nil {
		return err
	}
	if len(c.args) != 3 {
		return fmt.Errorf("--set needs three numbers of seconds: tcp tcpfin udp")
	}
	for i, to := range []*time.Duration{&r.Timeouts.TCP, &r.Timeouts.TCPFin, &r.Timeouts.UDP} {
		v, err := strconv.ParseUint(c.args[i], 10, 31)
		if err != nil {
			return fmt.Errorf("timeout %q: a number of seconds is wanted", c.args[i])
		}
		if v != 0 { // 0 keeps what there is
			*to = time.Duration(v) * time.Second
		}
	}
	return nil
}

func (r *reader) daemon(c *command) error {
	var d ipvs.Daemon
	switch state := c.options[c.verb]; state {
	case "master":
		d.Role = ipvs.SyncMaster
	case "backup":
		d.Role = ipvs.SyncBackup
	default:
		return fmt.Errorf("--%s %q: master or backup is wanted", c.verb, state)
	}
	i := slices.IndexFunc(r.Daemons, func(o ipvs.Daemon) bool { return o.Role == d.Role })
	r.SaysDaemons = true
	if c.verb == "stop-daemon" {
		if err := c.only("syncid"); err != nil {
			return err
		}
		if i >= 0 {
			r.Daemons = slices.Delete(r.Daemons, i, i+1)
		}
		return nil
	}
	if err := c.only("mcast-interface", "syncid", "sync-maxlen", "mcast-group", "mcast-port", "mcast-ttl"); err != nil {
		return err
	}
	d.Interface = "eth0" // ipvsadm's default, which its manual does not tell
	if c.has("mcast-interface") {
		d.Interface = c.options["mcast-interface"]
	}
	if d.Interface == "" || len(d.Interface) > 15 {
		return fmt.Errorf("--mcast-interface %q: the name of an interface is wanted, of 1 to 15 characters", d.Interface)
	}
	var maxLen, port, ttl uint32
	for _, f := range []struct {
		option   string
		to       *uint32
		min, max uint64
	}{{"syncid", &d.SyncID, 0, 255}, {"sync-maxlen", &maxLen, 1, 65535}, {"mcast-port", &port, 1, 65535}, {"mcast-ttl", &ttl, 1, 255}} {
		if !c.has(f.option) {
			continue
		}
		v, err := strconv.ParseUint(c.options[f.option], 10, 32)
		if err != nil || v < f.min || v > f.max {
			return fmt.Errorf("--%s %q: a number from %d to %d is wanted", f.option, c.options[f.option], f.min, f.max)
		}
		*f.to = uint32(v)
	}
	d.MaxLen, d.Port, d.TTL = uint16(maxLen), uint16(port), uint8(ttl)
	if c.has("mcast-group") {
		a, err := netip.ParseAddr(c.options["mcast-group"])
		if err != nil || !a.IsMulticast() || a.Zone() != "" {
			return fmt.Errorf("--mcast-group %q: a multicast address is wanted", c.options["mcast-group"])
		}
		d.Group = a
	}
	if i >= 0 {
		r.Daemons[i] = d
	} else {
		r.Daemons = append(r.Daemons, d)
	}
	return nil
}
