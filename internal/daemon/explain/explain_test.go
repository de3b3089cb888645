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

func refuse(in *control.Instance, reason, from string, n uint64, ago time.Duration) {
	in.Refused = append(in.Refused, control.Refused{Reason: reason, Source: ip(from), Count: n, Last: now.Add(-ago)})
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
			"its priority 150 is higher than 100", "if 192.0.2.3 stops, this router takes over after 609ms; if it dies, after 3.61s",
		}, ""},
		{"an equal master", backup(), func(in *control.Instance) { hear(in, peer("192.0.2.3", 100, 0)) }, "192.0.2.3", []string{
			"a backup does not take over from its equal",
		}, "equal-priority"},
		{"a lower master", backup(), func(in *control.Instance) { hear(in, peer("192.0.2.3", 90, 0)) }, self, []string{
			"its priority 100 is higher than that of the master 192.0.2.3, 90", "takes over in 3.31s",
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
		}, self, []string{"preempt_delay: it follows the master for another 42s, and takes over 3.61s after that"}, ""},
		{"a silent master", backup(), func(in *control.Instance) { hear(in, peer("192.0.2.3", 150, 3700*time.Millisecond)) }, self, []string{
			"no master is heard: 192.0.2.3 was the last one, 3.7s ago", "takes over in 3.31s, if that stays so",
		}, ""},
		{"starting", backup(), func(in *control.Instance) {
			in.Master, in.Peers = nil, nil
			in.Policy.StartupUntil = now.Add(time.Second)
		}, self, []string{"vrrp_startup_delay: adverts are ignored for another 1s"}, ""},
		{"master alone", master(), func(*control.Instance) {}, self, []string{"A backup says nothing, so there may be one"}, ""},
		{"master with a stronger peer that is silent", master(), func(in *control.Instance) { in.Peers = []control.Peer{peer("192.0.2.3", 150, time.Hour)} }, self, []string{
			"192.0.2.3 takes over when it hears this router, unless nopreempt or sticky_master holds it back there: it last had priority 150",
		}, ""},
		{"master with nopreempt and a stronger peer that is silent", master(), func(in *control.Instance) {
			in.Peers, in.Policy.NoPreempt = []control.Peer{peer("192.0.2.3", 150, time.Hour)}, true
		}, self, []string{
			"192.0.2.3 last had priority 150, which is more: nopreempt keeps it from taking over while it hears this router",
		}, ""},
		{"master with an equal peer that is silent", master(), func(in *control.Instance) { in.Peers = []control.Peer{peer("192.0.2.3", 100, time.Hour)} }, self, []string{
			"192.0.2.3 would stay master if both were", "As a backup it does not take over",
		}, "equal-priority"},
		{"two masters", master(), func(in *control.Instance) {
			in.SecondMasters = 1
			in.SecondMaster = &control.Rival{Addr: ip("192.0.2.3"), Priority: 90, Since: now.Add(-time.Second), Last: now, Adverts: 2, Now: true}
		}, self, []string{"a second master is heard, 192.0.2.3 with priority 90, 2 adverts: this one has 100 and stays"}, "second-master"},
		{"sticky master", master(), func(in *control.Instance) { in.Policy.Sticky, in.Priority.Advertised = true, 252 }, self, []string{
			"advertises 252 in place of 100",
		}, ""},
		{"fault", backup(), func(in *control.Instance) { in.State, in.Faults = "FAULT", []string{"script chk", "interface eth1"} }, "192.0.2.3", []string{
			"FAULT and cannot be master: script chk; interface eth1", "192.0.2.3 is master: it advertises with priority 150",
		}, ""},
		{"fault, under a master that advertises rarely", backup(), func(in *control.Instance) {
			in.State, in.Faults, in.Master = "FAULT", []string{"script chk"}, nil
			in.Peers = []control.Peer{peer("192.0.2.3", 100, 9*time.Second)}
			in.Peers[0].AdvertInt = 10
		}, "192.0.2.3", []string{"192.0.2.3 is master", "heard 9s ago"}, "equal-priority advert-int"},
		{"a weight that moves nothing", master(), func(in *control.Instance) {
			in.Priority.Base, in.Priority.Effective = 150, 150
			in.Peers = []control.Peer{peer("192.0.2.3", 100, time.Hour)}
			weigh(in, control.Contribution{Track: "script chk", State: "down", Weight: -20, Value: -20})
		}, self, []string{"script chk: its weight -20 does not change the winner by itself: this router has priority 150 while it is up and 130 while it is down"}, "weight"},
		{"the ordinary pair, the backup", backup(), func(in *control.Instance) {
			weigh(in, control.Contribution{Track: "script chk", State: "up", Weight: -60})
		}, "192.0.2.3", nil, ""},
		{"the ordinary pair, the master heard a reduced peer", master(), func(in *control.Instance) {
			in.Priority.Base, in.Priority.Effective = 150, 150
			in.Peers = []control.Peer{peer("192.0.2.3", 40, time.Hour)}
			weigh(in, control.Contribution{Track: "script chk", State: "up", Weight: -60})
		}, self, nil, ""},
		{"a second master that is not understood", master(), func(in *control.Instance) {
			refuse(in, "auth-pass", "192.0.2.3", 9, 400*time.Millisecond)
		}, self, []string{
			"it is probably not the only one: adverts from 192.0.2.3 are dropped: they have another password (auth-pass), the last one 400ms ago",
			"192.0.2.3        not understood",
		}, "authentication"},
		{"a second master of another version, known from before", master(), func(in *control.Instance) {
			in.Peers = []control.Peer{peer("192.0.2.3", 90, 20*time.Second)}
			refuse(in, "version", "192.0.2.3", 9, time.Second)
		}, self, []string{"adverts from 192.0.2.3 are dropped: they are of another VRRP version"}, "version"},
		{"a second master by another VRID", master(), func(in *control.Instance) {
			in.VRIDMismatch = &control.Mismatch{Addr: ip("192.0.2.3"), VRID: 15, VIP: ip("192.0.2.10"), Priority: 90, Last: now.Add(-20 * time.Second), Now: true}
		}, self, []string{
			"it is probably not the only one: adverts from 192.0.2.3 are dropped: they list 192.0.2.10 under VRID 15, and this router has VRID 51 (vrid-mismatch), the last one 20s ago",
			"192.0.2.3 advertises 192.0.2.10 by VRID 15, and this router by VRID 51: the two do not hear each other",
		}, "vrid-mismatch"},
		{"another VRID, and it was put right", master(), func(in *control.Instance) {
			in.VRIDMismatch = &control.Mismatch{Addr: ip("192.0.2.3"), VRID: 15, VIP: ip("192.0.2.10"), Last: now.Add(-20 * time.Second)}
		}, self, []string{"no other router has said that it is master"}, ""},
		{"drops of another kind", master(), func(in *control.Instance) {
			refuse(in, "length", "192.0.2.3", 1, 20*time.Second)
		}, self, []string{"it may be not the only one: adverts from 192.0.2.3 are dropped: they are malformed or not wanted (length), the last one 20s ago"}, ""},
		{"a master that is not understood", backup(), func(in *control.Instance) {
			in.Master, in.Peers = nil, nil
			refuse(in, "interval", "192.0.2.3", 2, time.Second)
		}, self, []string{"no master is understood, but there is probably one: adverts from 192.0.2.3", "If this router takes over there are two"}, "advert-int"},
		{"old drops", master(), func(in *control.Instance) {
			refuse(in, "auth-pass", "192.0.2.3", 9, 2*time.Minute)
		}, self, []string{"no other router has said that it is master", "nobody else"}, ""},
		{"drops that were put right", master(), func(in *control.Instance) {
			in.Peers = []control.Peer{peer("192.0.2.3", 90, 10*time.Second)}
			refuse(in, "auth-pass", "192.0.2.3", 9, 20*time.Second)
		}, self, []string{"no other one says that it is", "the last from 192.0.2.3 20s ago"}, "authentication"},
		{"weights of a master that heard nobody", master(), func(in *control.Instance) {
			in.Priority = control.Priority{Base: 150, Effective: 150, Advertised: 150}
			weigh(in, control.Contribution{Track: "script chk", State: "up", Weight: -20})
			weigh(in, control.Contribution{Track: "script more", State: "up", Weight: 5, Value: 5})
			weigh(in, control.Contribution{Track: "interface eth1", State: "up", Weight: 10, Reverse: true, Value: -10})
		}, self, []string{"with everything that it tracks against it its priority is 120: a peer takes over then if its own is higher"}, ""},
		{"a master that tracks with and without weight", master(), func(in *control.Instance) {
			in.Priority = control.Priority{Base: 150, Effective: 150, Advertised: 150}
			weigh(in, control.Contribution{Track: "script chk", State: "up", Weight: -20})
			weigh(in, control.Contribution{Track: "interface eth1", State: "up"})
			weigh(in, control.Contribution{Track: "file load", State: "up", Number: new(int)})
		}, self, []string{
			"with interface eth1 or file load against it, which has no weight, it is FAULT: any peer takes over then",
			"with every weight against it its priority is 130: a peer takes over then if its own is higher",
		}, ""},
		{"an owner that tracks without weight", master(), func(in *control.Instance) {
			in.Policy.Owner, in.Priority = true, control.Priority{Base: 255, Effective: 255, Advertised: 255}
			in.Priority.Contributions = []control.Contribution{{Track: "script chk", State: "up"}}
		}, self, []string{"with script chk against it, which has no weight, it is FAULT: any peer takes over then"}, ""},
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
			refuse(in, "interval", "192.0.2.4", 4, 3*time.Second)
			refuse(in, "auth-pass", "192.0.2.5", 1, 30*time.Second)
		}, "192.0.2.3", []string{
			"advertises every 100ms, this router every 1s", "4 adverts of VRID 51 were dropped, the last from 192.0.2.4 3s ago: they came with another advert_int",
			"one advert of VRID 51 was dropped, from 192.0.2.5 30s ago: such have another password",
		}, "advert-int advert-int authentication"},
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

// A backup says nothing, so that a master must not call it dead.
func TestSilentPeerOfAMaster(t *testing.T) {
	in := master()
	in.Peers = []control.Peer{peer("192.0.2.3", 100, 15*time.Second)}
	x, err := Instance(&control.VRRP{Time: now, Instances: []control.Instance{in}}, in.Name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	x.Render(&out)
	if !strings.Contains(out.String(), "last heard 15s ago: silent since, a backup or gone") {
		t.Error(&out)
	}
}

func TestGroupsAndNeighbours(t *testing.T) {
	a, b := backup(), backup()
	b.Name = "VI_2"
	a.Policy.GroupWait = true
	a.Master, a.Peers = nil, []control.Peer{peer("192.0.2.3", 150, 15*time.Second)}
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
		"who would win now: nobody", "15s ago, and is taken for dead after 3.61s", "waits for the other members of G: VI_2 (BACKUP, follows 192.0.2.3)", "last heard 15s ago: silent, taken for dead", "member of the sync group G (BACKUP)", "vrrp_instance VI_2 has the same VRID on eth0", "woke up later than the peers wait 2 times (5s at most)",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not say %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "takes over in") {
		t.Errorf("it waits and takes over:\n%s", &out)
	}
	for name, want := range map[string]string{
		"VI_3": `there is no vrrp_instance "VI_3", but VI_1, VI_2`,
		"G":    `"G" is a vrrp_sync_group: explain one of its members, VI_1, VI_2`,
	} {
		if _, err := Instance(v, name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if got := strings.Join(Names(v), " "); got != "VI_1 VI_2" {
		t.Errorf("names %q", got)
	}
}

// Two members that both want to be master do not wait for each other for ever:
// the later one's timer decides. One that follows a master holds the others back.
func TestMembersThatWantTheSame(t *testing.T) {
	a, b := backup(), backup()
	b.Name, b.Policy.Takeover = "VI_2", now.Add(5*time.Second)
	for _, in := range []*control.Instance{&a, &b} {
		in.Master, in.Peers = nil, nil
	}
	says := func(name string, v *control.VRRP) string {
		x, err := Instance(v, name)
		if err != nil {
			t.Fatal(err)
		}
		return x.Winner + ": " + strings.Join(x.Next, "; ")
	}
	v := &control.VRRP{Time: now, Instances: []control.Instance{a, b}, Groups: []control.Group{{Name: "G", State: "BACKUP", Members: []string{"VI_1", "VI_2"}}}}
	if got := says("VI_1", v); !strings.HasPrefix(got, "this router: it takes over in 5s, when VI_2 of the sync group G wants to be master as well, if that stays so") {
		t.Error(got)
	}
	if got := says("VI_2", v); !strings.HasPrefix(got, "this router: it takes over in 5s, if that stays so") {
		t.Error(got)
	}
	p := peer("192.0.2.3", 90, 0) // of a lower priority: neither follows it
	v.Instances[1].Master, v.Instances[1].Peers = &p, []control.Peer{p}
	if got := says("VI_1", v); !strings.HasPrefix(got, "this router: it takes over in 5s") {
		t.Error(got)
	}
	v.Instances[1].Policy.NoPreempt = true
	if got := says("VI_1", v); !strings.HasPrefix(got, "nobody: in 3.31s it wants to be master, and then waits for the other members of G: VI_2 (BACKUP, follows 192.0.2.3)") {
		t.Error(got)
	}
}
