package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/daemon/control"
)

const base = `
vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 51
 priority 150
 virtual_ipaddress { 192.0.2.10/24 }
}
virtual_server 192.0.2.10 80 {
 lb_algo rr
 lb_kind DR
 protocol TCP
 real_server 192.0.2.21 80 { TCP_CHECK }
}
`

func read(t *testing.T, text string) *config.Config {
	t.Helper()
	c, diags := load.Load("k.conf", load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }})
	if c == nil {
		t.Fatal(diags)
	}
	return c
}

func TestMastership(t *testing.T) {
	peer := netip.MustParseAddr("192.0.2.2")
	master := &control.Instance{Name: "VI_1", State: "MASTER", Priority: control.Priority{Effective: 150}}
	heard := &control.Instance{Name: "VI_1", State: "MASTER", Priority: control.Priority{Effective: 150}, Peers: []control.Peer{{Addr: peer, Priority: 100}}}
	lowered := &control.Instance{Name: "VI_1", State: "MASTER", Priority: control.Priority{Effective: 120}, Peers: []control.Peer{{Addr: peer, Priority: 100}}}
	backup := &control.Instance{Name: "VI_1", State: "BACKUP", Priority: control.Priority{Effective: 150}, Master: &control.Peer{Addr: peer, Priority: 200}}
	tests := []struct {
		name     string
		is       *control.Instance
		old, cur string
		want     string // outcomes
		moves    bool
	}{
		{"nothing", master, "", "", "", false},
		{"an address", master, "192.0.2.10/24 }", "192.0.2.10/24\n192.0.2.11/24 }", "", false},
		{"less priority, nobody known", master, "priority 150", "priority 90", "may-lose", false},
		{"less priority than a peer", heard, "priority 150", "priority 90", "loses", true},
		{"still more than the peer", heard, "priority 150", "priority 110", "may-lose", false},
		{"with a tracked thing down", lowered, "priority 150", "priority 120", "loses", true},
		{"more priority", master, "priority 150", "priority 200", "", false},
		{"a backup rises", backup, "priority 150", "priority 210", "takes-over", true},
		{"a backup rises, not enough", backup, "priority 150", "priority 190", "", false},
		{"a backup that does not preempt", backup, "priority 150", "priority 210\nnopreempt", "", false},
		{"another version", master, "priority 150", "priority 150\nversion 3", "splits", false},
		{"another interval", master, "priority 150", "priority 150\nadvert_int 2", "splits", false},
		{"a password", master, "priority 150", "priority 150\nauthentication { auth_type PASS\nauth_pass x }", "splits", false},
		{"two that peers do not hear, and less priority", heard, "priority 150", "priority 90\nversion 2\nadvert_int 2\nauthentication { auth_type PASS\nauth_pass x }", "splits loses", true},
		{"another VRID", master, "virtual_router_id 51", "virtual_router_id 52", "splits", true},
		{"another VRID of a backup", backup, "virtual_router_id 51", "virtual_router_id 52", "splits", false},
		{"another VRID and another address", master, "virtual_router_id 51\n priority 150\n virtual_ipaddress { 192.0.2.10/24 }", "virtual_router_id 52\n priority 150\n virtual_ipaddress { 192.0.2.11/24 }", "starts released", true},
		{"unicast", backup, "priority 150", "priority 150\nunicast_src_ip 192.0.2.1\nunicast_peer { 192.0.2.2 }", "splits", false},
		{"another interface", backup, "interface eth0", "interface eth1", "starts released", false},
		{"not running", nil, "priority 150", "priority 90", "", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(base, tc.old) {
				t.Fatal("the text to replace is not there")
			}
			var st *control.VRRP
			if tc.is != nil {
				st = &control.VRRP{Instances: []control.Instance{*tc.is}}
			}
			p := Make(read(t, base), read(t, strings.Replace(base, tc.old, tc.cur, 1)), st, nil, true)
			var got []string
			for _, r := range p.Routers {
				got = append(got, r.Outcome)
			}
			if strings.Join(got, " ") != tc.want || p.Moves != tc.moves {
				t.Errorf("%+v, moves %v; want %s, %v", p.Routers, p.Moves, tc.want, tc.moves)
			}
		})
	}
}

// TestEveryReasonIsGiven why peers do not hear the adverts any more.
func TestEveryReasonIsGiven(t *testing.T) {
	for change, want := range map[string]string{
		"version 3":    "the version changes: directors that still have the old value drop",
		"advert_int 2": "advert_int (VRRPv2) changes: ",
		"advert_int 2\nauthentication { auth_type PASS\nauth_pass x }": "advert_int (VRRPv2) and the authentication change: directors that still have the old values drop",
		"version 3\nadvert_int 2":                                      "the version changes: ",
	} {
		p := Make(read(t, base), read(t, strings.Replace(base, "priority 150", "priority 150\n"+change, 1)), nil, nil, true)
		if len(p.Routers) != 1 || !strings.HasPrefix(p.Routers[0].Text, want) {
			t.Errorf("%q: %+v", change, p.Routers)
		}
	}
}

// TestWithoutServices: a daemon without the lvs process knows no services.
func TestWithoutServices(t *testing.T) {
	old, cur := read(t, base), read(t, base)
	old.VirtualServers[0].RealServers = nil
	if p := Make(old, cur, nil, nil, false); !p.Empty() {
		t.Error(fmt.Sprint(p.Items))
	}
	if p := Make(old, cur, nil, nil, true); p.Empty() {
		t.Error("a difference is not seen")
	}
}

// The number by which another router has the addresses already is the right one.
func TestTheRightVRIDJoins(t *testing.T) {
	for now, want := range map[bool]string{true: Joins, false: Splits} {
		is := control.Instance{Name: "VI_1", State: "MASTER", VRIDMismatch: &control.Mismatch{
			Addr: netip.MustParseAddr("192.0.2.2"), VRID: 15, VIP: netip.MustParseAddr("192.0.2.10"), Now: now,
		}}
		p := Make(read(t, base), read(t, strings.Replace(base, "id 51", "id 15", 1)), &control.VRRP{Instances: []control.Instance{is}}, nil, true)
		if len(p.Routers) != 1 || p.Routers[0].Outcome != want || !p.Moves {
			t.Errorf("%+v, want %s", p.Routers, want)
		}
		if now && p.Routers[0].Text != "virtual_router_id changes from 51 to 15, by which 192.0.2.2 advertises 192.0.2.10 already: the two hear each other then, and one is master, that with the higher priority" {
			t.Error(p.Routers[0].Text)
		}
	}
}

// A router that gets another number keeps its place, whatever else is moved with
// it, and both numbers are named.
func TestAnotherVRIDIsTold(t *testing.T) {
	two := base + strings.NewReplacer("VI_1", "VI_2", "id 51", "id 52", "192.0.2.10/24", "192.0.2.11/24").Replace(base[:strings.Index(base, "virtual_server")])
	swap := strings.NewReplacer("id 51", "id 61", "id 52", "id 62", "VI_2", "VI_3").Replace(two)
	p := Make(read(t, two), read(t, swap), &control.VRRP{Instances: []control.Instance{{Name: "VI_2", State: "MASTER"}}}, nil, true)
	if len(p.Routers) != 2 || !p.Moves {
		t.Fatalf("%+v", p)
	}
	for i, want := range []string{
		"virtual_router_id changes from 51 to 61: directors that are as before do not hear it any more, nor it them, and two are master until all are reloaded",
		"virtual_router_id changes from 52 to 62: directors that are as before do not hear it any more, nor it them, and two are master until all are reloaded; it releases its addresses first and starts as backup",
	} {
		if r := p.Routers[i]; r.Text != want || r.Outcome != Splits || (r.State == "MASTER") != (i == 1) {
			t.Errorf("%+v, want %q", r, want)
		}
	}
}
