package lvs

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/integration/uml"
)

// everyTable has every way to write a service or a server that ends in the
// kernel's table. None has a check: everything is in service at once.
const everyTable = `
global_defs {
    lvs_timeouts tcp 100 tcpfin 20 udp 30
    lvs_notify_fifo DIR/fifo
}
virtual_server 192.0.2.1 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 198.51.100.1 80 { 
        weight 3
        uthreshold 100
        lthreshold 50
    }
    real_server 198.51.100.2 80 { 
        weight 0
    }
    real_server 198.51.100.3 80 { 
        lvs_method TUN
    }
    real_server 198.51.100.4 8080 { 
        lvs_method NAT
        weight 65535
    }
}
virtual_server 192.0.2.2 80 {
    lb_algo wrr
    lb_kind NAT
    protocol TCP
    persistence_timeout 50
    persistence_granularity 255.255.255.0
    sorry_server 198.51.100.9 80
    sorry_server_inhibit
    real_server 198.51.100.1 8080 {
        inhibit_on_failure
    }
}
virtual_server 192.0.2.3 80 {
    lb_algo lc
    lb_kind TUN type gue port 6080
    protocol TCP
    real_server 198.51.100.1 80 {
    }
    real_server 198.51.100.2 80 {
        lvs_method TUN type gue port 6081 csum
    }
    real_server 198.51.100.3 80 {
        lvs_method TUN type gue port 6082 remcsum
    }
    real_server 198.51.100.4 80 {
        lvs_method TUN type gre csum
    }
    real_server 198.51.100.5 80 {
        lvs_method TUN type gre
    }
    real_server 198.51.100.6 80 {
        lvs_method TUN type ipip
    }
    real_server 2001:db8::7 80 {
        lvs_method TUN
    }
}
virtual_server 192.0.2.4 53 {
    lb_algo rr
    lb_kind NAT
    protocol UDP
    ops
    real_server 198.51.100.1 53 {
    }
}
virtual_server 192.0.2.4 5060 {
    lb_algo rr
    lb_kind NAT
    protocol UDP
    persistence_timeout 60
    persistence_engine sip
    real_server 198.51.100.1 5060 {
    }
}
virtual_server 192.0.2.4 36412 {
    lb_algo rr
    lb_kind NAT
    protocol SCTP
    real_server 198.51.100.1 36412 {
    }
}
virtual_server 192.0.2.5 0 {
    lb_algo wlc
    lb_kind DR
    protocol TCP
    persistence_timeout
    real_server 198.51.100.1 0 {
    }
}
virtual_server 2001:db8::1 80 {
    lb_algo sh
    sh-port
    sh-fallback
    lb_kind DR
    protocol TCP
    persistence_timeout 70
    persistence_granularity 64
    real_server 2001:db8::2 80 {
    }
}
virtual_server 2001:db8::1 443 {
    lb_algo mh
    mh-port
    mh-fallback
    lb_kind TUN
    protocol TCP
    real_server 2001:db8::2 443 {
    }
    real_server 198.51.100.1 443 {
    }
}
virtual_server fwmark 1 {
    lb_algo wlc
    lb_kind DR
    persistence_timeout 300
    sorry_server 198.51.100.9
    real_server 198.51.100.1 {
        weight 2
    }
    real_server 198.51.100.2 0 {
    }
}
virtual_server fwmark 2 {
    ip_family inet6
    lb_algo wlc
    lb_kind NAT
    real_server 2001:db8::2 80 {
    }
}
virtual_server 192.0.2.6 80 {
    lb_algo sh
    flag-1
    flag-2
    flag-3
    lb_kind DR
    protocol TCP
    real_server 198.51.100.1 80 {
    }
}
`

// schedulers is a service for each scheduler.
func schedulers() string {
	var b strings.Builder
	for i, name := range strings.Fields("rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf") {
		fmt.Fprintf(&b, "virtual_server 192.0.2.100 %d {\n lb_algo %s\n lb_kind DR\n protocol TCP\n real_server 198.51.100.1 80 {\n }\n}\n", 1000+i, name)
	}
	return b.String()
}

// inferred has services whose family or method follows from something else:
// one a line, "head | keywords | servers".
var inferred = strings.Split(strings.TrimSpace(`
fwmark 101 | lb_kind TUN | 2001:db8:e::1, 2001:db8:e::2
fwmark 102 | lb_kind TUN | 2001:db8:e::1, 198.51.100.2
fwmark 103 | lb_kind TUN | 198.51.100.1, 2001:db8:e::2 lvs_method DR
fwmark 104 | lb_kind TUN; sorry_server 203.0.113.9 | 2001:db8:e::1
fwmark 105 | lb_kind TUN; sorry_server 2001:db8::9; sorry_server_lvs_method DR | 198.51.100.1
fwmark 106 | lb_kind DR; sorry_server 2001:db8::9 | 198.51.100.1
fwmark 107 | lb_kind TUN; persistence_granularity 64 | 198.51.100.1
fwmark 108 | lb_kind TUN; persistence_granularity 255.255.255.0 | 2001:db8:e::1
fwmark 109 | lb_kind DR; persistence_granularity 255.255.255.0 | 2001:db8:e::1
group G1 | lb_kind TUN | 2001:db8:e::1
group G2 | lb_kind TUN; sorry_server 2001:db8::9; sorry_server_lvs_method DR | 198.51.100.1
group G3 | lb_kind TUN; ip_family inet6 | 198.51.100.1, 2001:db8:e::2
group G4 | lb_kind DR; ip_family inet | 2001:db8:e::1
192.0.2.120 80 | lb_kind TUN type gre remcsum; protocol TCP | 198.51.100.1 80
192.0.2.121 80 | lb_kind TUN type gue; protocol TCP | 198.51.100.1 80
192.0.2.122 80 | lb_kind NAT; protocol TCP | 198.51.100.1 80 lvs_method TUN type ipip csum
192.0.2.123 80 | lb_kind NAT; protocol UDP; persistence_engine sip | 198.51.100.1 80
2001:db8::123 80 | lb_kind NAT; protocol UDP; persistence_granularity 255.255.255.0 | 2001:db8:e::1 80
`), "\n")

func inferredConf() string {
	var b strings.Builder
	for i := range 4 {
		fmt.Fprintf(&b, "virtual_server_group G%d {\n fwmark %d\n}\n", 1+i, 201+i)
	}
	for _, line := range inferred {
		part := strings.Split(line, " | ")
		fmt.Fprintf(&b, "virtual_server %s {\n lb_algo rr\n %s\n", part[0], strings.ReplaceAll(part[1], "; ", "\n "))
		for _, r := range strings.Split(part[2], ", ") {
			addr, method, _ := strings.Cut(r, " lvs_method ")
			if method != "" {
				method = "  lvs_method " + method + "\n"
			}
			fmt.Fprintf(&b, " real_server %s {\n%s }\n", addr, method)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestTablesAreKeepalived(t *testing.T) {
	need(t, "keepalived")
	if uml.RunTest(t, modules) {
		return
	}
	s := newSideBySide(t)
	defer s.keepalivedLog()
	s.start(everyTable+schedulers()+inferredConf(), "-C")
	s.step("start")
	// Two of those are left without a server.
	if tab, err := s.ours.Table(); err != nil || len(tab) != 25+len(inferred)-2 {
		t.Errorf("%d services, %v:\n%s", len(tab), err, tab)
	}
	changed := strings.NewReplacer(
		"weight 3", "weight 4", "uthreshold 100", "uthreshold 90", "lb_algo lc", "lb_algo sed", "gue port 6080", "gre",
		"persistence_timeout 50", "persistence_timeout 51", "    ops\n", "", "sh-fallback", "", "255.255.255.0", "255.255.0.0",
		"tcpfin 20", "tcpfin 25", "fwmark 1 ", "fwmark 3 ", "198.51.100.6 80", "198.51.100.66 80", "192.0.2.4 53", "192.0.2.4 54",
	).Replace(everyTable)
	s.reload(changed + schedulers())
	s.step("reload")
	s.end()
}
