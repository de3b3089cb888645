package integration

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"holdfast/integration/lab"
)

// TestVMACBase has adverts on the interface itself and only the addresses on
// the VMAC (vmac_xmit_base, and unicast, which forces it), with keepalived in
// each place.
func TestVMACBase(t *testing.T) {
	lab.Require(t)
	us, them := ours(t), theirs(t)
	multicast := [2]string{"  use_vmac\n  vmac_xmit_base\n", "  use_vmac\n  vmac_xmit_base\n"}
	uni := [2]string{"  use_vmac\n" + unicast("192.0.2.1", "192.0.2.2"), "  use_vmac\n" + unicast("192.0.2.2", "192.0.2.1")}
	for _, c := range []struct {
		name          string
		better, worse lab.Daemon
		extra         [2]string
	}{
		{"holdfast is the better", us, them, multicast},
		{"keepalived is the better", them, us, multicast},
		{"holdfast is the better, unicast", us, them, uni},
		{"keepalived is the better, unicast", them, us, uni},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "vmacbase")
			high := router{Version: 2, VRID: 56, Interval: time.Second, Priority: 150, Extra: c.extra[0]}
			low := high
			low.Priority, low.Extra = 100, c.extra[1]
			mac := vmacOf(1, 56)
			b := n.start(n.b, c.worse, low.conf())
			n.holder(vip, "b", low.down()+5*noise)
			a := n.start(n.a, c.better, high.conf())
			n.holder(vip, "a", high.down()+5*noise)
			since := time.Now()
			if _, err := a.Crash(); err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "b", low.down()+5*noise)
			if code, err := b.Stop(generous); err != nil || code != 0 {
				t.Errorf("stop: %d, %v", code, err)
			}
			for _, adv := range n.capture.Adverts(time.Time{}) {
				want := map[string]string{"a": "02:00:00:00:00:01", "b": "02:00:00:00:00:02"}[adv.From]
				if sourceMAC(adv.Frame) != want {
					t.Errorf("%v has the source MAC %s, want %s", adv, sourceMAC(adv.Frame), want)
					break
				}
			}
			announced := false
			for _, arp := range n.capture.ARPs(since) {
				if arp.SenderIP != vip || arp.From != "b" {
					continue
				}
				announced = true
				if got := net.HardwareAddr(arp.Frame[22:28]).String(); got != mac {
					t.Errorf("ARP from %s says that the address is at %v", sourceMAC(arp.Frame), got)
					break
				}
			}
			if !announced {
				t.Error("the address was not announced")
			}
			for _, p := range []*lab.Process{a, b} {
				for _, line := range complaintsIn(p.Log()) {
					t.Errorf("%s complains: %s", p.Host.Name, line)
				}
			}
		}))
	}
}

// TestVMACAddresses puts addresses on interfaces besides the instance's own
// one: use_vmac_addr for all, use_vmac for one, and a MAC and names of the
// administrator's choice, also for addresses of both families. The result is
// the same as keepalived's, names included.
func TestVMACAddresses(t *testing.T) { patiently(vmacAddressesRound)(t) }

func vmacAddressesRound(t testing.TB) {
	lab.Require(t)
	const conf = `global_defs {
  vrrp_version 3
  vmac_prefix vm
  vmac_addr_prefix va
}
vrrp_instance A {
  interface eth0
  virtual_router_id 57
  advert_int 0.3
  use_vmac
  use_vmac_addr
  virtual_ipaddress {
    192.0.2.100/24
    192.0.2.101/24 dev eth0
    198.51.100.7/24 dev eth1
  }
  virtual_ipaddress_excluded {
    2001:db8::57/64
  }
}
vrrp_instance B {
  interface eth0
  virtual_router_id 58
  advert_int 0.3
  use_vmac foo.58 02:00:00:00:01
  virtual_ipaddress {
    192.0.2.58
    198.51.100.58 dev eth1
    203.0.113.58 dev eth1 use_vmac
    192.0.2.59 dev eth0
  }
  virtual_ipaddress_excluded {
    2001:db8::58/64
  }
}
vrrp_instance C {
  interface eth1
  virtual_router_id 57
  advert_int 0.3
  use_vmac vm.59 02:aa:bb:cc:dd:ee
  virtual_ipaddress {
    203.0.113.57
  }
}
vrrp_instance D {
  interface eth0
  virtual_router_id 60
  advert_int 0.3
  use_vmac vm.60 02:aa:bb:cc:dd:60
  virtual_ipaddress {
    192.0.2.60
  }
  virtual_ipaddress_excluded {
    2001:db8::60/64 dev eth1 use_vmac
    203.0.113.60 dev eth1 use_vmac
  }
}
`
	results := map[string]string{}
	for _, d := range []lab.Daemon{ours(t), theirs(t)} {
		n := directors(t, "vmacaddr")
		n.plug6()
		second, err := n.lab.Segment("second")
		if err != nil {
			t.Fatal(err)
		}
		if err := n.a.Plug(second, "eth1", "02:00:00:00:02:01", "198.51.100.1/24"); err != nil {
			t.Fatal(err)
		}
		a := n.start(n.a, d, conf)
		for _, addr := range []string{"192.0.2.100", "192.0.2.58", "203.0.113.57", "203.0.113.60", "2001:db8::60"} {
			n.holder(netip.MustParseAddr(addr), "a", 2*time.Second+5*noise)
		}
		time.Sleep(noise)
		results[d.Name] = n.sh(n.a, `for i in $(ls /sys/class/net | sort); do echo "$i $(cat /sys/class/net/$i/address)" $(ip -o addr show $i | sed 's/.* inet6\? \([^ ]*\) .*/\1/' | sort); done`)
		if code, err := a.Stop(generous); err != nil || code != 0 {
			t.Errorf("%s: stop: %d, %v", d.Name, code, err)
		}
		if got := n.macvlans(n.a); got != "" {
			t.Errorf("%s: left after the stop: %s", d.Name, got)
		}
	}
	if results["holdfast"] != results["keepalived"] {
		t.Errorf("holdfast:\n%s\nkeepalived:\n%s", results["holdfast"], results["keepalived"])
	}
	t.Log("\n" + results["holdfast"])
}
