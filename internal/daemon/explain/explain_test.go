package explain

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func peer(addr string, prio uint8, ago time.Duration) control.Peer {
	return control.Peer{Addr: ip(addr), Priority: prio, LastHeard: now.Add(-ago), AdvertInt: 1, Agrees: true}
}

// backup is 192.0.2.2 with priority 100, following 192.0.2.3 with 150.
func backup() control.Instance {
	p := peer("192.0.2.3", 150, 300*time.Millisecond)
	return control.Instance{
		Name: "VI_1", Interface: "eth0", VRID: 51, Version: 2, State: "BACKUP", Since: now.Add(-time.Minute), Reason: "started",
		Priority: control.Priority{Base: 100, Effective: 100, Advertised: 100},
		Policy:   control.Policy{AdvertInt: 1, Skew: 0.609, Takeover: now.Add(3309 * time.Millisecond)},
		Source:   ip("192.0.2.2"), AdvertInt: 1, MasterDown: 3.609, Master: &p, Peers: []control.Peer{p}, Agreement: true,
	}
}

func master() control.Instance {
	in := backup()
	in.State, in.Reason, in.Master, in.Peers = "MASTER", "no advert within the master-down interval", nil, nil
	in.Policy.Takeover = time.Time{}
	return in
}

func hear(in *control.Instance, list ...control.Peer) {
	in.Peers = list
	in.Master = &in.Peers[0]
}

func weigh(in *control.Instance, c control.Contribution) {
	in.Priority.Contributions = append(in.Priority.Contributions, c)
	in.Priority.Effective = uint8(int(in.Priority.Effective) + c.Value)
	in.Priority.Advertised = in.Priority.Effective
}

func TestWhoWouldWin(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     control.Instance
		change func(*control.Instance)
		winner string
		says   []string
		lints  string // their ids
	}{
		{"a higher master", backup(), func(*control.Instance) {}, "192.0.2.3", []string{
			"its priority 150 is higher than 100", "if 192.0.2.3 stops, this router takes over after 609ms; if it dies, after 3.609s",
		}, ""},
		{"an equal master", backup(), func(in *control.Instance) { hear(in, peer("192.0.2.3", 100, 0)) }, "192.0.2.3", []string{
			"a backup does not take over from its equal",
		}, "equal-priority"},
		{"a lower master", backup(), func(in *control.Instance) { hear(in, peer("192.0.2.3", 90, 0)) }, self, []string{
			"its priority 100 is higher than that of the master 192.0.2.3, 90", "takes over in 3.309s",
		}, ""},
		{"nopreempt", backup(), func(in *control.Instance) {
			hear(in, peer("192.0.2.3", 90, 0))
			in.Policy.NoPreempt = true
		}, "192.0.2.3", []string{"nopreempt leaves it that although its priority 90 is lower than 100"}, ""},
		{"sticky", backup(), func(in *control.Instance) {
			hear(in, peer("192.0.2.3", 90, 0))
			in.Policy.Sticky, in.Policy.HoldUntil = true, now.Add(2*time.Second)
		}, "192.0.2.3", []string{"sticky_master follows whoever is", "sticky_hold_off: it listens for another 2s"}, ""},
		{"preempt_delay", backup(), func(in *control.Instance) {
			hear(in, peer("192.0.2.3", 90, 0))
			in.Policy.PreemptDelay, in.Policy.PreemptAt = 60, now.Add(42*time.Second)
		}, self, []string{"preempt_delay: it follows the master for another 42s, and takes over 3.609s after that"}, ""},
		{"a silent master", backup(), func(in *control.Instance) { hear(in, peer("192.0.2.3", 150, 3700*time.Millisecond)) }, self, []string{
			"no master is heard: 192.0.2.3 was the last one, 3.7s ago", "takes over in 3.309s if that stays so",
		}, ""},
		{"starting", backup(), func(in *control.Instance) {
			in.Master, in.Peers = nil, nil
			in.Policy.StartupUntil = now.Add(time.Second)
		}, self, []string{"vrrp_startup_delay: adverts are ignored for another 1s"}, ""},
		{"master alone", master(), func(*control.Instance) {}, self, []string{"A backup says nothing, so there may be one"}, ""},
		{"master with a stronger peer that is silent", master(), func(in *control.Instance) { in.Peers = []control.Peer{peer("192.0.2.3", 150, time.Hour)} }, self, []string{
			"192.0.2.3 would take over when it is heard again: it last had priority 150",
		}, ""},
		{"two masters", master(), func(in *control.Instance) {
			in.SecondMasters = 1
			in.SecondMaster = &control.Rival{Addr: ip("192.0.2.3"), Priority: 90, Since: now.Add(-time.Second), Last: now, Adverts: 2, Now: true}
		}, self, []string{"a second master is heard, 192.0.2.3 with priority 90, 2 adverts: this one has 100 and stays"}, "second-master"},
		{"sticky master", master(), func(in *control.Instance) { in.Policy.Sticky, in.Priority.Advertised = true, 252 }, self, []string{
			"advertises 252 in place of 100",
		}, ""},
		{"fault", backup(), func(in *control.Instance) { in.State, in.Faults = "FAULT", []string{"script chk", "interface eth1"} }, "192.0.2.3", []string{
			"FAULT and cannot be master: script chk; interface eth1",
		}, ""},
		{"a weight that moves nothing", backup(), func(in *control.Instance) {
			weigh(in, control.Contribution{Track: "script chk", State: "down", Weight: -20, Value: -20})
		}, "192.0.2.3", []string{"script chk: its weight -20 cannot change the winner: this router has priority 100 while it is up and 80 while it is down"}, "weight"},
		{"a weight that moves something", backup(), func(in *control.Instance) {
			weigh(in, control.Contribution{Track: "script chk", State: "down", Weight: 60, Value: 0})
		}, "192.0.2.3", nil, ""},
		{"a weight at the limit", backup(), func(in *control.Instance) {
			in.Priority.Base, in.Priority.Effective = 254, 254
			weigh(in, control.Contribution{Track: "script chk", State: "down", Weight: 60})
		}, self, []string{"does nothing, as the priority cannot leave 1 to 254"}, "weight"},
		{"nopreempt with a weight", backup(), func(in *control.Instance) {
			in.Policy.NoPreempt = true
			weigh(in, control.Contribution{Track: "script chk", State: "up", Weight: 60, Value: 60})
		}, "192.0.2.3", []string{"not give it while a master lives"}, "weight"},
		{"two owners", backup(), func(in *control.Instance) {
			in.Policy.Owner, in.Priority = true, control.Priority{Base: 255, Effective: 255, Advertised: 255}
			hear(in, peer("192.0.2.3", 255, 0))
		}, "192.0.2.3", []string{"there can be one address owner only"}, "two-owners"},
		{"another list", backup(), func(in *control.Instance) {
			in.Peers[0].Agrees = false
		}, "192.0.2.3", []string{"keepalived up to 2.3.2 drops our adverts"}, "address-list"},
		{"another virtual router", backup(), func(in *control.Instance) {
			in.Peers[0].Agrees, in.Peers[0].Foreign = false, true
		}, "192.0.2.3", []string{"advertises none of our addresses"}, "duplicate-vrid"},
		{"another interval", backup(), func(in *control.Instance) {
			in.Peers[0].AdvertInt = 0.1
			in.Drops = map[string]uint64{"interval": 4, "auth-pass": 1, "state": 7}
		}, "192.0.2.3", []string{"advertises every 100ms, this router every 1s", "4 adverts of VRID 51 were dropped: they came with another advert_int"}, "advert-int advert-int authentication"},
		{"an ignored keyword", backup(), func(in *control.Instance) { in.Policy.Ignored = []string{"nopreempt (because of state MASTER)"} }, "192.0.2.3", []string{
			"the configuration says nopreempt (because of state MASTER), which has no effect",
		}, "ignored-keyword"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.in
			in.Peers = append([]control.Peer(nil), in.Peers...)
			c.change(&in)
			x, err := Instance(&control.VRRP{Time: now, Instances: []control.Instance{in}}, "VI_1")
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			x.Render(&out)
			if x.Winner != c.winner {
				t.Errorf("winner %q, want %q", x.Winner, c.winner)
			}
			for _, s := range c.says {
				if !strings.Contains(out.String(), s) {
					t.Errorf("does not say %q", s)
				}
			}
			var ids []string
			for _, l := range x.Lints {
				ids = append(ids, l.ID)
			}
			if got := strings.Join(ids, " "); got != c.lints {
				t.Errorf("lints %q, want %q", got, c.lints)
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

func TestGroupsAndNeighbours(t *testing.T) {
	a, b := backup(), backup()
	b.Name = "VI_2"
	a.Policy.GroupWait = true
	v := &control.VRRP{
		Time: now, Instances: []control.Instance{a, b},
		Groups:   []control.Group{{Name: "G", State: "BACKUP", Members: []string{"VI_1", "VI_2"}}},
		Lateness: control.Lateness{Overslept: 2, Max: 5},
	}
	x, err := Instance(v, "VI_1")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	x.Render(&out)
	for _, want := range []string{
		"waits for the other members of G", "member of the sync group G (BACKUP)", "vrrp_instance VI_2 has the same VRID on eth0", "woke up later than the peers wait 2 times (5s at most)",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, &out)
		}
	}
	if _, err := Instance(v, "VI_3"); err == nil || err.Error() != `there is no vrrp_instance "VI_3"` {
		t.Error(err)
	}
}
