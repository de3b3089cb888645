package lvs

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"

	"holdfast/ipvs"
)

// A successor takes back exactly what its predecessor put there.
func TestOwnedComesBackFromJSON(t *testing.T) {
	addr := netip.MustParseAddr
	services := Services{
		ipvs.AddrKey(ipvs.TCP, addr("192.0.2.1"), 80),
		ipvs.AddrKey(ipvs.UDP, addr("192.0.2.1"), 0),
		ipvs.AddrKey(ipvs.SCTP, addr("2001:db8::1"), 65535),
		ipvs.AddrKey(ipvs.TCP, addr("::ffff:192.0.2.1"), 80), // not the first one
		ipvs.MarkKey(ipvs.INET, 1<<32-1),
		ipvs.MarkKey(ipvs.INET6, 3),
	}
	for name, c := range map[string]struct {
		owned Owned
		text  string // empty: any
	}{
		"nothing": {Owned{}, `{}`},
		"services": {
			Owned{Services: services},
			`{"services":["192.0.2.1:80/tcp","192.0.2.1:0/udp","[2001:db8::1]:65535/sctp","[::ffff:192.0.2.1]:80/tcp","fwmark:4294967295","fwmark:3/inet6"]}`,
		},
		"all": {Owned{
			Services: services, Timeouts: &ipvs.Timeouts{TCP: 900}, Profile: map[string]string{"expire_nodest_conn": "0"},
			Daemons: []ipvs.SyncRole{ipvs.SyncMaster}, SyncIndex: 3, SyncPorts: 2, BackupOnly: true,
		}, ""},
		"no services": {Owned{SyncPorts: 2}, `{"sync_ports":2}`},
	} {
		said, err := c.owned.JSON()
		if err != nil || c.text != "" && string(said) != c.text {
			t.Errorf("%s: %s, %v; want %s", name, said, err, c.text)
		}
		var back Owned
		if err := json.Unmarshal(said, &back); err != nil || !reflect.DeepEqual(back, c.owned) {
			t.Errorf("%s: %+v, %v; want %+v", name, back, err, c.owned)
		}
		if all, err := json.Marshal(c.owned); err != nil || string(all) != string(said) {
			t.Errorf("%s: package json has %s, %v; want %s", name, all, err, said)
		}
	}
	for _, k := range []ipvs.ServiceKey{ipvs.GroupKey(ipvs.TCP, `a"b`, 0), ipvs.AddrKey(ipvs.TCP, addr(`fe80::1%a"b`), 80)} {
		for _, o := range []Owned{{Services: Services{k}}, {Services: Services{k}, SyncPorts: 1}} {
			if said, err := o.JSON(); err == nil {
				t.Errorf("%v is a service of the kernel: %s", k, said)
			}
		}
	}
}

// Names that the kernel has no service for, and other ways to write those that it
// has, are nobody's.
func TestNamesThatAreNoServices(t *testing.T) {
	for _, name := range []string{
		"", "/", "tcp", "192.0.2.1", "192.0.2.1:80", "192.0.2.1:80/", "192.0.2.1:80/icmp", "192.0.2.1:080/tcp", "192.0.2.1:80/TCP",
		"192.0.2.1:80/tcp/udp", "192.0.2.1:65536/tcp", "2001:db8::1:80/tcp", "fwmark:", "fwmark:0", "fwmark:4294967296", "fwmark:3/inet", "group:web",
		"/tcp", "invalid AddrPort/tcp", "[fe80::1%a\"b]:80/tcp", "fwmark:03", "fwmark:+3", "fwmark:-1", "fwmark: 3", "[::ffff:192.0.2.1%]:80/tcp",
	} {
		if k, ok := keyOf(name); ok {
			t.Errorf("%q is %+v", name, k)
		}
		text, err := json.Marshal([]string{"192.0.2.1:80/tcp", name})
		if err != nil {
			t.Fatal(err)
		}
		var s Services
		if err := s.UnmarshalJSON(text); err == nil || len(s) != 1 {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
}

func TestTheNameOfAServiceIsWhatOperatorsType(t *testing.T) {
	for want, k := range map[string]ipvs.ServiceKey{
		"192.0.2.1:80/tcp":    key(1),
		"[2001:db8::1]:0/udp": ipvs.AddrKey(ipvs.UDP, netip.MustParseAddr("2001:db8::1"), 0),
		"fwmark:3":            ipvs.MarkKey(ipvs.INET, 3),
		"fwmark:3/inet6":      ipvs.MarkKey(ipvs.INET6, 3),
		"group:web":           ipvs.GroupKey(ipvs.TCP, "web", 0),
		"group:web:1":         ipvs.GroupKey(ipvs.TCP, "web", 1),
	} {
		n, err := parseName(want)
		if got := ServiceName(k); got != want || err != nil || !n.service(k) {
			t.Errorf("%v is %q, want %q, %v", k, got, want, err)
		}
	}
}
