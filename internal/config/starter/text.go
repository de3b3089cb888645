package starter

import (
	"fmt"
	"strings"
)

// Keepalived writes keepalived.conf.
func Keepalived(a Answers) (string, error) {
	if err := a.Check(); err != nil {
		return "", err
	}
	var b strings.Builder
	a.heading(&b)
	fmt.Fprintf(&b, `
global_defs {
    router_id %s
}

vrrp_instance VI_1 {
    # %s
    state %s
    priority %d

    interface %s
    # The same on both directors, and used by nobody else on this segment.
    virtual_router_id %d
    version 3
    # Seconds between adverts. The other director takes over 3 to 4 of them
    # after the last one heard; 0.1 makes that a third of a second.
    advert_int 1
`, a.RouterID, a.Role(), a.State(), a.Priority(), a.Interface, a.VRID)
	if a.Peer.IsValid() {
		fmt.Fprintf(&b, `
    # Adverts go to the other director alone, not to everyone.
    unicast_src_ip %v
    unicast_peer {
        %v
    }
`, a.Source, a.Peer)
	}
	fmt.Fprintf(&b, `
    virtual_ipaddress {
        %v
    }
}
`, a.VIP)
	if len(a.Servers) == 0 {
		return b.String(), nil
	}
	fmt.Fprintf(&b, `
# Requests to the address go straight to a server, and its answer straight to the
# client (DR): each server needs the address on its loopback interface, and must
# not answer ARP for it. Change lb_kind to NAT when servers are routed through
# the directors instead.
virtual_server %v %d {
    lb_algo wlc
    lb_kind DR
    protocol TCP
    delay_loop 5
`, a.VIP.Addr(), a.Port)
	for _, s := range a.Servers {
		fmt.Fprintf(&b, `
    real_server %v %d {
        TCP_CHECK {
            connect_timeout 3
        }
    }
`, s, a.Port)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

// TOML writes holdfast.toml.
func TOML(a Answers) (string, error) {
	if err := a.Check(); err != nil {
		return "", err
	}
	var b strings.Builder
	a.heading(&b)
	fmt.Fprintf(&b, `
[global_defs]
router_id = "%s"

[vrrp_instance.VI_1]
# %s
state = "%s"
priority = %d

interface = "%s"
# The same on both directors, and used by nobody else on this segment.
virtual_router_id = %d
version = 3
# Seconds between adverts. The other director takes over 3 to 4 of them after
# the last one heard; "100ms" makes that a third of a second.
advert_int = 1
`, a.RouterID, a.Role(), a.State(), a.Priority(), a.Interface, a.VRID)
	if a.Peer.IsValid() {
		fmt.Fprintf(&b, `
# Adverts go to the other director alone, not to everyone.
unicast_src_ip = "%v"
unicast_peer = ["%v"]
`, a.Source, a.Peer)
	}
	fmt.Fprintf(&b, "\nvirtual_ipaddress = [\"%v\"]\n", a.VIP)
	if len(a.Servers) == 0 {
		return b.String(), nil
	}
	fmt.Fprintf(&b, `
# Requests to the address go straight to a server, and its answer straight to the
# client (DR): each server needs the address on its loopback interface, and must
# not answer ARP for it. Change lb_kind to "NAT" when servers are routed through
# the directors instead.
[[virtual_server]]
ip = "%v"
port = %d
lb_algo = "wlc"
lb_kind = "DR"
protocol = "TCP"
delay_loop = 5
`, a.VIP.Addr(), a.Port)
	for _, s := range a.Servers {
		fmt.Fprintf(&b, `
[[virtual_server.real_server]]
ip = "%v"
port = %d
TCP_CHECK = [{ connect_timeout = 3 }]
`, s, a.Port)
	}
	return b.String(), nil
}

// heading says whose configuration it is, and what differs on the other director.
func (a Answers) heading(b *strings.Builder) {
	fmt.Fprintf(b, "# First configuration of %s. On the other director the same with\n# another %s", a.RouterID, a.Other())
	if a.Peer.IsValid() {
		b.WriteString(",\n# and the two addresses of unicast_src_ip and unicast_peer swapped")
	}
	b.WriteString(".\n")
}
