package integration

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// ipvsEquality runs one configuration with the real keepalived and with
// the program under test, each in a network of its own, through start, health,
// reload and stop, and compares the kernel's whole state and what FIFOs and
// scripts were told.
func ipvsEquality(t *testing.T) {
	lab.Require(t, "keepalived", "ipvsadm")
	limit := 8 * time.Minute
	if seedsAsked() {
		limit = time.Hour
	}
	if inIPVS(t, limit) {
		return
	}
	for name, f := range map[string]func(testing.TB){
		"every kind of service":                equalKinds,
		"written by hand":                      equalWritten,
		"health":                               equalHealth,
		"sync with an instance":                equalSyncInstance,
		"sync without an instance":             equalSyncAlone,
		"lvs_flush and lvs_flush_on_stop":      func(t testing.TB) { equalFlush(t, "lvs_flush\n lvs_flush_on_stop", false, false) },
		"lvs_flush_on_stop VS":                 func(t testing.TB) { equalFlush(t, "lvs_flush_on_stop VS", true, true) },
		"services of others without lvs_flush": func(t testing.TB) { equalFlush(t, "", true, true) },
	} {
		if seedsAsked() {
			continue
		}
		t.Run(name, patiently(f))
	}
	t.Run("generated", func(t *testing.T) {
		t.Parallel()
		equalGenerated(t)
	})
}

// kindsConf has what a service and a server can be; nothing is checked.
const kindsConf = `
global_defs {
  lvs_timeouts tcp 901 tcpfin 121 udp 301
}
virtual_server 192.0.2.80 80 {
  lb_algo wrr
  lb_kind DR
  protocol TCP
  real_server 198.51.100.1 80 {
    weight 7
  }
  real_server 198.51.100.2 80 {
    weight 0
  }
  real_server 198.51.100.3 80 {
    weight 70000
    uthreshold 2000
    lthreshold 1500
  }
}
virtual_server 192.0.2.80 443 {
  lb_algo wlc
  lb_kind NAT
  protocol TCP
  persistence_timeout 77
  persistence_granularity 255.255.255.240
  sorry_server 198.51.100.9 9443
  real_server 198.51.100.1 8443 {
    uthreshold 10
  }
  real_server 198.51.100.2 8443 {
    inhibit_on_failure
    weight 2
  }
}
virtual_server 192.0.2.81 80 {
  lb_algo sed
  lb_kind TUN
  protocol TCP
  real_server 198.51.100.1 80 {
  }
  real_server 198.51.100.2 80 {
    lvs_method TUN type gue port 5555
  }
  real_server 198.51.100.3 80 {
    lvs_method TUN type gue port 5556 remcsum
  }
  real_server 198.51.100.4 80 {
    lvs_method TUN type gue port 5557 csum
  }
  real_server 198.51.100.5 80 {
    lvs_method TUN type gre
  }
  real_server 198.51.100.6 80 {
    lvs_method TUN type gre csum
  }
  real_server 198.51.100.7 80 {
    lvs_method DR
  }
  real_server 198.51.100.8 80 {
    lvs_method NAT
  }
}
virtual_server 192.0.2.82 53 {
  lb_algo rr
  lb_kind NAT
  protocol UDP
  ops
  real_server 198.51.100.1 5353 {
  }
}
virtual_server 192.0.2.82 5060 {
  lb_algo sh
  sh-port
  sh-fallback
  lb_kind DR
  protocol UDP
  persistence_timeout 33
  persistence_engine sip
  real_server 198.51.100.1 5060 {
  }
}
virtual_server 192.0.2.83 80 {
  lb_algo mh
  mh-port
  mh-fallback
  lb_kind DR
  protocol TCP
  real_server 198.51.100.1 80 {
  }
}
virtual_server 192.0.2.84 80 {
  lb_algo sh
  flag-1
  lb_kind DR
  protocol TCP
  real_server 198.51.100.1 80 {
  }
}
virtual_server 192.0.2.85 0 {
  lb_algo lc
  lb_kind DR
  protocol TCP
  persistence_timeout 3600
  real_server 198.51.100.1 0 {
  }
}
virtual_server 192.0.2.89 5060 {
  lb_algo wrr
  lb_kind TUN
  protocol TCP
  persistence_timeout 60
  sorry_server 198.51.100.9 5060
  real_server 198.51.100.1 5060 {
    weight 5
    uthreshold 50
  }
  real_server 198.51.100.2 5060 {
    weight 2
    lvs_method NAT
  }
}
virtual_server 192.0.2.89 5060 {
  lb_algo wrr
  lb_kind TUN
  protocol UDP
  ops
  persistence_timeout 60
  sorry_server 198.51.100.9 5060
  real_server 198.51.100.1 5060 {
    weight 5
    uthreshold 50
  }
  real_server 198.51.100.2 5060 {
    weight 2
    lvs_method NAT
  }
}
virtual_server 192.0.2.89 5060 {
  lb_algo wrr
  lb_kind TUN
  protocol SCTP
  persistence_timeout 60
  sorry_server 198.51.100.9 5060
  real_server 198.51.100.1 5060 {
    weight 5
    uthreshold 50
  }
  real_server 198.51.100.2 5060 {
    weight 2
    lvs_method NAT
  }
}
virtual_server fwmark 9 {
  lb_algo wlc
  lb_kind DR
  persistence_timeout 600
  real_server 198.51.100.1 0 {
    weight 3
  }
  real_server 198.51.100.2 0 {
  }
}
`

const kindsTOML = `
[global_defs]
lvs_timeouts = { tcp = 901, tcpfin = 121, udp = 301 }

[[virtual_server]]
ip = "192.0.2.80"
port = 80
lb_algo = "wrr"
lb_kind = "DR"
protocol = "TCP"
real_server = [
  { ip = "198.51.100.1", port = 80, weight = 7 },
  { ip = "198.51.100.2", port = 80, weight = 0 },
  { ip = "198.51.100.3", port = 80, weight = 70000, uthreshold = 2000, lthreshold = 1500 },
]

[[virtual_server]]
ip = "192.0.2.80"
port = 443
lb_algo = "wlc"
lb_kind = "NAT"
protocol = "TCP"
persistence_timeout = 77
persistence_granularity = "255.255.255.240"
sorry_server = { ip = "198.51.100.9", port = 9443 }
real_server = [
  { ip = "198.51.100.1", port = 8443, uthreshold = 10 },
  { ip = "198.51.100.2", port = 8443, inhibit_on_failure = true, weight = 2 },
]

[[virtual_server]]
ip = "192.0.2.81"
port = 80
lb_algo = "sed"
lb_kind = "TUN"
protocol = "TCP"
real_server = [
  { ip = "198.51.100.1", port = 80 },
  { ip = "198.51.100.2", port = 80, lvs_method = "TUN type gue port 5555" },
  { ip = "198.51.100.3", port = 80, lvs_method = "TUN type gue port 5556 remcsum" },
  { ip = "198.51.100.4", port = 80, lvs_method = "TUN type gue port 5557 csum" },
  { ip = "198.51.100.5", port = 80, lvs_method = "TUN type gre" },
  { ip = "198.51.100.6", port = 80, lvs_method = "TUN type gre csum" },
  { ip = "198.51.100.7", port = 80, lvs_method = "DR" },
  { ip = "198.51.100.8", port = 80, lvs_method = "NAT" },
]

[[virtual_server]]
ip = "192.0.2.82"
port = 53
lb_algo = "rr"
lb_kind = "NAT"
protocol = "UDP"
ops = true
real_server = [{ ip = "198.51.100.1", port = 5353 }]

[[virtual_server]]
ip = "192.0.2.82"
port = 5060
lb_algo = "sh"
sh-port = true
sh-fallback = true
lb_kind = "DR"
protocol = "UDP"
persistence_timeout = "33s"
persistence_engine = "sip"
real_server = [{ ip = "198.51.100.1", port = 5060 }]

[[virtual_server]]
ip = "192.0.2.83"
port = 80
lb_algo = "mh"
mh-port = true
mh-fallback = true
lb_kind = "DR"
protocol = "TCP"
real_server = [{ ip = "198.51.100.1", port = 80 }]

[[virtual_server]]
ip = "192.0.2.84"
port = 80
lb_algo = "sh"
flag-1 = true
lb_kind = "DR"
protocol = "TCP"
real_server = [{ ip = "198.51.100.1", port = 80 }]

[[virtual_server]]
ip = "192.0.2.85"
port = 0
lb_algo = "lc"
lb_kind = "DR"
protocol = "TCP"
persistence_timeout = "1h"
real_server = [{ ip = "198.51.100.1", port = 0 }]

[[virtual_server]]
ip = "192.0.2.89"
port = 5060
lb_algo = "wrr"
lb_kind = "TUN"
protocol = ["TCP", "UDP", "SCTP"]
ops = true
persistence_timeout = 60
sorry_server = { ip = "198.51.100.9", port = 5060 }
real_server = [
  { ip = "198.51.100.1", port = 5060, weight = 5, uthreshold = 50 },
  { ip = "198.51.100.2", port = 5060, weight = 2, lvs_method = "NAT" },
]

[[virtual_server]]
fwmark = 9
lb_algo = "wlc"
lb_kind = "DR"
persistence_timeout = 600
real_server = [
  { ip = "198.51.100.1", port = 0, weight = 3 },
  { ip = "198.51.100.2", port = 0 },
]
`

// everyScheduler has a service for each scheduler of the kernel.
func everyScheduler() confs {
	var c confs
	for i, name := range strings.Fields("rr wrr lc wlc lblc lblcr dh sh mh sed nq fo ovf") {
		c.conf += fmt.Sprintf("virtual_server 192.0.2.90 %d {\n lb_algo %s\n lb_kind NAT\n protocol TCP\n real_server 198.51.100.1 80 {\n }\n}\n", 1000+i, name)
		c.toml += fmt.Sprintf("\n[[virtual_server]]\nip = \"192.0.2.90\"\nport = %d\nlb_algo = %q\nlb_kind = \"NAT\"\nprotocol = \"TCP\"\n%sreal_server = [{ ip = \"198.51.100.1\", port = 80 }]\n", 1000+i, name,
			map[string]string{"sh": "sh-fallback = false\n", "mh": "mh-fallback = false\n"}[name]) // on in TOML otherwise
	}
	return c
}

func (c confs) add(d confs) confs { return confs{c.conf + d.conf, c.toml + d.toml} }

// with replaces in both languages: old and new are words of both.
func (c confs) with(pairs ...string) confs {
	r := strings.NewReplacer(pairs...)
	return confs{r.Replace(c.conf), r.Replace(c.toml)}
}

func equalKinds(t testing.TB) {
	s := sideBySide(t, true)
	before := confs{kindsConf, kindsTOML}.add(everyScheduler())
	s.start(before)
	s.same("start", 0,
		"service af 2 protocol 6 addr 192.0.2.80 port 80 scheduler wrr", "weight 70000 upper 2000 lower 1500",
		"protocol 132 addr 192.0.2.89 port 5060", "scheduler ovf", "tunnel-port 5556", "fwmark 9", "pe sip", "timeouts tcp 901 tcpfin 121 udp 301")
	for _, x := range s.list {
		table, err := x.raw.lines()
		if err != nil {
			t.Fatal(err)
		}
		services, dests := 0, 0
		for _, l := range table {
			if strings.HasPrefix(l, "service ") {
				services++
			}
			if strings.HasPrefix(l, "dest ") {
				dests++
			}
		}
		if services != 12+13 || dests != 26+13 {
			t.Errorf("%s: %d services with %d servers:\n%s", x.name, services, dests, strings.Join(table, "\n"))
		}
	}

	// Weights, thresholds, schedulers, flags, persistence, tunnels, timeouts;
	// a server and a service are replaced by others.
	after := before.with(
		"weight 7\n", "weight 8\n", "weight = 7 ", "weight = 8 ", "70000", "0", "2000", "2001",
		"sed", "nq", "5555", "5565", " remcsum", "", "type gre csum", "type ipip",
		"255.255.255.240", "255.255.255.0", "persistence_timeout 600", "persistence_timeout 60", "persistence_timeout = 600", "persistence_timeout = 60",
		"  ops\n", "", "ops = true\n", "", "  sh-fallback\n", "", "sh-fallback = true\n", "sh-fallback = false\n", "mh-port", "mh-fallback",
		"198.51.100.4", "198.51.100.44", "fwmark 9", "fwmark 10", "fwmark = 9", "fwmark = 10", "192.0.2.85", "192.0.2.86",
		"tcp 901", "tcp 801", "tcp = 901", "tcp = 801",
	)
	// mh-fallback now stands there twice, which TOML does not allow.
	after.toml = strings.Replace(after.toml, "mh-fallback = true\nmh-fallback = true\n", "mh-fallback = true\n", 1)
	s.reload(after)
	s.same("reload", 0, "scheduler nq", "no scheduler sed flags 0000000", "fwmark 10", "no fwmark 9", "addr 192.0.2.86", "no addr 192.0.2.85",
		"weight 8", "addr 198.51.100.44", "timeouts tcp 801")
	s.reload(before)
	s.same("reload to what it was", 0, "fwmark 9", "no fwmark 10", "addr 198.51.100.4 ")
	// Without lvs_timeouts.
	s.reload(confs{
		strings.Replace(before.conf, "lvs_timeouts tcp 901 tcpfin 121 udp 301", "", 1),
		strings.Replace(before.toml, "lvs_timeouts = { tcp = 901, tcpfin = 121, udp = 301 }", "", 1),
	})
	s.same("reload without lvs_timeouts", 0)
	s.stop("no service", "no dest", "timeouts tcp 900 tcpfin 120 udp 300")
}

// healthConf has every rule of health: services are told apart by their port.
// Nothing here times out, so that a slow machine is no dead server.
const healthConf = `
global_defs {
  router_id lab
  script_user root
  lvs_notify_fifo DIR/fifo
}
# A page's status; a sorry server; scripts.
virtual_server 192.0.2.80 1001 {
  delay_loop 1
  warmup 0
  lb_algo rr
  lb_kind NAT
  protocol TCP
  sorry_server 198.51.100.9 80
  quorum_up "DIR/note quorum up 1001"
  quorum_down "DIR/note quorum down 1001"
  real_server 198.51.100.1 80 {
    weight 1
    notify_up "DIR/note up 1001 1"
    notify_down "DIR/note down 1001 1"
    HTTP_GET {
      connect_timeout 30
      url {
        path /
        status_code 200
      }
      retry 1
      delay_before_retry 1
    }
  }
  real_server 198.51.100.2 80 {
    weight 2
    notify_up "DIR/note up 1001 2"
    notify_down "DIR/note down 1001 2"
    HTTP_GET {
      connect_timeout 30
      url {
        path /
        status_code 200-204
      }
      retry 1
      delay_before_retry 1
    }
  }
}
# A page's digest (of "the page"), failed servers inhibited. keepalived was seen
# to fail the first check of a page on a busy machine, hence the retry.
virtual_server 192.0.2.80 1002 {
  delay_loop 1
  warmup 0
  lb_algo wrr
  lb_kind NAT
  protocol TCP
  sorry_server 198.51.100.9 80
  sorry_server_inhibit
  real_server 198.51.100.1 80 {
    weight 3
    inhibit_on_failure
    HTTP_GET {
      connect_timeout 30
      url {
        path /
        digest DIGEST
      }
      retry 1
      delay_before_retry 1
    }
  }
  real_server 198.51.100.2 80 {
    weight 4
    inhibit_on_failure
    notify_down "DIR/note down 1002 2"
    TCP_CHECK {
      connect_timeout 30
      retry 0
    }
  }
}
# Down until checked.
virtual_server 192.0.2.80 1003 {
  alpha
  delay_loop 1
  warmup 0
  lb_algo lc
  lb_kind NAT
  protocol TCP
  quorum_up "DIR/note quorum up 1003"
  quorum_down "DIR/note quorum down 1003"
  real_server 198.51.100.1 80 {
    notify_up "DIR/note up 1003 1"
    TCP_CHECK {
      connect_timeout 30
      retry 0
    }
  }
  real_server 198.51.100.2 80 {
    TCP_CHECK {
      connect_timeout 30
      retry 0
    }
  }
}
# Quorum with hysteresis: up at 4, down below 2.
virtual_server 192.0.2.80 1004 {
  delay_loop 1
  warmup 0
  lb_algo wlc
  lb_kind NAT
  protocol TCP
  quorum 3
  hysteresis 1
  sorry_server 198.51.100.9 80
  quorum_up "DIR/note quorum up 1004"
  quorum_down "DIR/note quorum down 1004"
  real_server 198.51.100.1 80 {
    weight 1
    TCP_CHECK {
      connect_timeout 30
      retry 0
    }
  }
  real_server 198.51.100.2 80 {
    weight 1
    TCP_CHECK {
      connect_timeout 30
      retry 0
    }
  }
  real_server 198.51.100.3 80 {
    weight 2
    TCP_CHECK {
      connect_timeout 30
      retry 0
    }
  }
}
# A program that sets the weight.
virtual_server 192.0.2.80 1005 {
  delay_loop 1
  warmup 0
  lb_algo wlc
  lb_kind DR
  protocol UDP
  real_server 198.51.100.1 1005 {
    weight 10
    MISC_CHECK {
      misc_path "DIR/check dynamic"
      misc_timeout 30
      misc_dynamic
    }
  }
  real_server 198.51.100.2 1005 {
    weight 10
    MISC_CHECK {
      misc_path "DIR/check plain"
      misc_timeout 30
    }
  }
}
# By mark; two checks of one server. A reload removes it, without scripts:
# keepalived ends its children at a reload, slow scripts of the reload among them.
virtual_server fwmark 1006 {
  delay_loop 1
  warmup 0
  lb_algo wlc
  lb_kind DR
  real_server 198.51.100.1 0 {
    TCP_CHECK {
      connect_timeout 30
      connect_port 80
      retry 0
    }
    MISC_CHECK {
      misc_path "DIR/check second"
      misc_timeout 30
    }
  }
}
# With DR the port of a server is the service's, but that of its check is its own.
virtual_server 192.0.2.80 1007 {
  delay_loop 1
  warmup 0
  lb_algo wlc
  lb_kind DR
  protocol TCP
  real_server 198.51.100.1 80 {
    weight 0
    TCP_CHECK {
      connect_timeout 30
      retry 0
    }
  }
  real_server 198.51.100.22 80 {
    weight 5
  }
  real_server 198.51.100.24 80 {
    weight 5
  }
}
`

// digestOf is the digest of a page, as genhash prints it.
func digestOf(page string) string { return fmt.Sprintf("%x", md5.Sum([]byte(page))) }

func equalHealth(t testing.TB) {
	s := sideBySide(t, false)
	conf := confs{conf: strings.ReplaceAll(healthConf, "DIGEST", digestOf("the page"))}
	one, two, three := "198.51.100.1:80", "198.51.100.2:80", "198.51.100.3:80"
	up, closed := answer{body: "the page"}, answer{closed: true}
	s.servers(up, one, three)
	s.servers(closed, two)
	s.start(conf, "-C")
	s.same("2 dead at start", 18, "port 1001: addr 198.51.100.1 ", "no port 1001: addr 198.51.100.2 ",
		"port 1002: addr 198.51.100.2 port 80 method 0 weight 0", "no port 1003: addr 198.51.100.2")
	s.servers(answer{status: 500, body: "the page"}, one)
	s.same("1 has a bad status", 6, "port 1001: addr 198.51.100.9", "port 1002: addr 198.51.100.1 port 80 method 0 weight 0")
	s.servers(closed, one, three)
	s.exits("second", 1)
	s.same("all dead", 10, "port 1004: addr 198.51.100.9", "no port 1003: addr 198.51.100.1")
	s.servers(answer{status: 204, body: "another page"}, two)
	s.same("2 up", 10, "port 1001: addr 198.51.100.2", "port 1004: addr 198.51.100.9")
	s.servers(answer{body: "another page"}, one, three)
	s.exits("second", -1)
	s.exits("dynamic", 5)
	s.same("all up, another page, a weight", 11, "port 1004: addr 198.51.100.3", "port 1002: addr 198.51.100.1 port 80 method 0 weight 0",
		"port 1005: addr 198.51.100.1 port 1005 method 3 weight 3")
	s.exits("dynamic", 2)
	s.exits("plain", 3)
	s.same("weight 0, and a failure", 2, "port 1005: addr 198.51.100.1 port 1005 method 3 weight 0", "no port 1005: addr 198.51.100.2")
	s.servers(closed, two)
	s.same("2 dead", 7, "no port 1001: addr 198.51.100.2")

	// A reload while a server is dead and one has a weight of its check's.
	s.reload(confs{conf: strings.NewReplacer(
		"lb_algo rr", "lb_algo sh", "weight 1\n", "weight 4\n", "weight 3\n", "weight 6\n", "fwmark 1006", "fwmark 2006",
		"198.51.100.22", "198.51.100.23", "quorum 3", "quorum 6",
	).Replace(conf.conf)})
	s.same("reload", 4, "fwmark 2006", "no fwmark 1006", "port 1001 scheduler sh", "port 1007: addr 198.51.100.23", "no port 1007: addr 198.51.100.22")
	s.servers(up, one, two, three)
	s.exits("dynamic", -1)
	s.exits("plain", -1)
	s.same("all well", 9, "port 1002: addr 198.51.100.1 port 80 method 0 weight 6", "port 1001: addr 198.51.100.2")
	// keepalived takes up an old weight again in a reload after an exit status
	// of 0 (docs/differences.md), so the check gives another one.
	s.exits("dynamic", 17)
	s.same("a weight again", 0, "port 1005: addr 198.51.100.1 port 1005 method 3 weight 15")
	s.reload(conf)
	s.same("reload to what it was", 4, "fwmark 1006", "port 1005: addr 198.51.100.1 port 1005 method 3 weight 15")
	s.stop("no service", "no dest")
}

// syncInstance is VI_1 on eth0 with the address 192.0.2.100. The interval is
// long, so that no router of a busy machine is taken for dead: keepalived is
// left without a sync daemon when it becomes master and backup in one second.
func syncInstance(priority int) string {
	return router{Version: 3, VRID: 51, Interval: 3 * time.Second, Priority: priority}.instance("VI_1")
}

const oneService = `virtual_server 192.0.2.100 80 {
  lb_algo rr
  lb_kind DR
  protocol TCP
  real_server 198.51.100.1 80 {
  }
}
`

func equalSyncInstance(t testing.TB) {
	s := sideBySide(t, false)
	conf := confs{conf: "global_defs {\n vrrp_version 3\n lvs_sync_daemon eth0 VI_1 id 5 maxlen 1400 port 9000 ttl 3 group 224.0.0.99\n}\n" + syncInstance(150) + oneService}
	other := "global_defs {\n vrrp_version 3\n}\n" + syncInstance(255)
	// The peer is there first, so that everyone starts as a backup. As an owner it
	// is master from its start, and it takes its leave.
	peers := make([]*lab.Process, len(s.list))
	for i, x := range s.list {
		peers[i] = x.net.start(x.net.b, theirs(t), other)
	}
	for _, x := range s.list {
		x.net.holder(vip, "b", stepLimit)
	}
	s.start(conf)
	s.same("backup", 0, "daemon role 2 interface eth0 id 5 maxlen 1400 group 224.0.0.99 port 9000 ttl 3", "no daemon role 1")
	for _, p := range peers {
		if _, err := p.Stop(stepLimit); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range s.list {
		x.net.holder(vip, "a", stepLimit)
	}
	s.same("master", 0, "daemon role 1 interface eth0 id 5", "no daemon role 2")
	for i, x := range s.list {
		peers[i] = x.net.start(x.net.b, theirs(t), other)
	}
	for _, x := range s.list {
		x.net.holder(vip, "b", stepLimit)
	}
	s.same("backup again", 0, "daemon role 2", "no daemon role 1")
	s.reload(confs{conf: strings.Replace(conf.conf, "id 5", "id 6", 1)})
	s.same("another id", 0, "id 6 ")
	s.stop("no daemon", "no service")
}

func equalSyncAlone(t testing.TB) {
	s := sideBySide(t, false)
	s.start(confs{conf: "global_defs {\n lvs_sync_daemon eth0 id 9\n}\n" + oneService}, "-C")
	s.same("both roles", 0, "daemon role 1", "daemon role 2", "id 9")
	s.stop("no daemon", "no service")
}

// equalFlush has a service of somebody else's in the kernel at start and one
// more at stop.
func equalFlush(t testing.TB, keywords string, stays, staysAtStop bool) {
	s := sideBySide(t, false)
	for _, x := range s.list {
		if _, err := x.net.a.Output(t.Context(), "ipvsadm", "-A", "-t", "192.0.2.200:25", "-s", "rr"); err != nil {
			t.Fatal(err)
		}
	}
	want := map[bool]string{true: "192.0.2.200", false: "no 192.0.2.200"}
	s.start(confs{conf: "global_defs {\n " + keywords + "\n}\n" + oneService}, "-C")
	s.same("start", 0, "192.0.2.100", want[stays])
	s.run("ipvsadm", "-A", "-t", "192.0.2.201:25", "-s", "rr")
	if staysAtStop {
		s.stop("no 192.0.2.100", "192.0.2.201", want[stays])
	} else {
		s.stop("no service")
	}
}
