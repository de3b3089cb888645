package engine

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// wantLines fails unless text has, in this order, a line with each of want.
func wantLines(t *testing.T, text string, want ...string) {
	t.Helper()
	rest := text
	for _, w := range want {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Errorf("no %q in the rest of\n%s", w, text)
			return
		}
		rest = after
	}
}

// The log says which tracked thing, interface or member of a sync group is the
// cause of FAULT and of a change of priority.
func TestTheLogNamesCauses(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var text bytes.Buffer
		one, two := vr(1, 100), vr(2, 100)
		one.Tracks = []vrrp.Track{
			{Key: "interface eth1", Pending: true},
			{Key: "interface eth2", Weight: -20, Pending: true},
			{Key: "script chk", Weight: 5, Pending: true},
			{Key: "file load", Weight: 1, Scaled: true, Pending: true},
		}
		c := config(one, two)
		c.Groups = []Group{{Name: "G", Members: []string{"VI_1", "VI_2"}}}
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth1")
		a.host.AddInterface("eth2")
		a.start(c, logTo(&text))
		step := func(f func()) {
			f()
			synctest.Wait()
			time.Sleep(5 * time.Second)
		}
		step(func() {})
		a.is(vrrp.Master)
		step(func() { a.eng.Track("script chk", true) })
		step(func() { a.eng.TrackValue("file load", -7) })
		step(func() { a.host.SetUp("eth2", false) })
		step(func() { a.host.SetUp("eth1", false) })
		step(func() { a.host.SetUp("eth1", true) })
		step(func() { a.host.SetUp("eth0", false) })
		step(func() { a.host.DeleteInterface("eth0") })
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		wantLines(t, text.String(),
			`msg=event instance=VI_1 vrid=1 iface=eth0 reason="the priority changed" priority=105 because="script chk is up"`,
			`priority=98 because="file load is -7"`,
			`priority=78 because="interface eth2 is down"`,
			`msg="state changed" instance=VI_1 vrid=1 iface=eth0 from=MASTER to=FAULT reason=tracked priority=78 because="interface eth1 is down"`,
			`msg="state changed" instance=VI_2 vrid=2 iface=eth0 from=MASTER to=FAULT reason="sync group" priority=100 because="member VI_1: interface eth1 is down"`,
			`msg="group changed" group=G from=MASTER to=FAULT reason=tracked because="member VI_1: interface eth1 is down"`,
			`from=FAULT to=BACKUP reason=tracked priority=78 because="interface eth1 is up"`,
			`to=FAULT reason=interface priority=78 because="interface eth0 is down"`,
		)
	})
}

// What is known before a router starts is in the sum that the first priority is.
func TestTheLogNamesThePrioritysParts(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var text bytes.Buffer
		one := vr(1, 100)
		one.Tracks = []vrrp.Track{{Key: "interface eth2", Weight: -20, Pending: true}}
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth2")
		a.host.SetUp("eth2", false)
		a.start(config(one), logTo(&text))
		time.Sleep(5 * time.Second)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		wantLines(t, text.String(), `reason="the priority changed" priority=80 because="base 100; interface eth2 is down: -20"`)
	})
}

// What a thing did is told as it was then, also where it has changed again before
// anything is told: results that came while the engine was held up.
func TestTheLogNamesTheCauseOfThatMoment(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var text bytes.Buffer
		one := vr(1, 100)
		one.Tracks = []vrrp.Track{{Key: "script a", Pending: true}, {Key: "script b", Pending: true}, {Key: "file load", Weight: 1, Scaled: true, Pending: true}}
		a := l.node("a", "192.0.2.1/24").start(config(one), logTo(&text))
		a.eng.Track("script a", true)
		a.eng.Track("script b", true)
		a.eng.TrackValue("file load", 0)
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		a.proc.Pause()
		a.eng.Track("script a", false)
		a.eng.Track("script b", false)
		a.eng.Track("script a", true)
		a.eng.Track("script b", true)
		a.eng.TrackValue("file load", 5)
		a.eng.TrackValue("file load", 7)
		a.proc.Continue()
		time.Sleep(5 * time.Second)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		wantLines(t, text.String(),
			`to=FAULT reason=tracked priority=100 because="script a is down; script b is down"`,
			`to=BACKUP reason=tracked priority=100 because="script b is up"`,
			`priority=105 because="file load is 5"`,
			`priority=107 because="file load is 7"`,
		)
	})
}

// An interface that was removed and is there again, which the kernel may tell in one
// go, is not said to be down.
func TestTheLogNamesAnInterfaceMadeAnew(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var text bytes.Buffer
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)), logTo(&text))
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		a.eng.put(note{update: &link.Update{Interfaces: []link.Interface{
			{Index: 99, Name: "eth0", Up: true, Addrs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}},
		}}})
		synctest.Wait()
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		wantLines(t, text.String(), `to=FAULT reason=interface priority=100 because="interface eth0 was made anew"`)
	})
}

// What has no name of its own, and what goes the other way round, is named too.
func TestTextOfTracks(t *testing.T) {
	r := vr(1, 100)
	r.Source = addr("192.0.2.9")
	for _, c := range []struct {
		track vrrp.Contribution
		want  string
	}{
		{vrrp.Contribution{Key: sourceTrack}, "no interface has the source address 192.0.2.9"},
		{vrrp.Contribution{Key: portTrack}, "interface eth0 cannot be used"},
		{vrrp.Contribution{Key: "unicast without peers"}, "unicast without peers"},
		{vrrp.Contribution{Key: "process nginx", Up: true, Reverse: true}, "process nginx is up"},
		{vrrp.Contribution{Key: "bfd b", Pending: true}, "bfd b has no result yet"},
		{vrrp.Contribution{Key: "file load", Scaled: true, Content: -3}, "file load is -3"},
	} {
		if got := trackText(&router{cfg: r}, c.track); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A line of the log names no more causes than can be read.
func TestManyCauses(t *testing.T) {
	var list []string
	for i := range maxCauses + 2 {
		list = append(list, fmt.Sprint(i))
	}
	if got := because(nil, list); len(got) != 2 || got[1] != "0; 1; 2; 3; 4; and 2 more" {
		t.Errorf("%q", got)
	}
	if got := because(nil, nil); got != nil {
		t.Errorf("%q", got)
	}
}

// A router that takes over from a master that is alive says so, as does the
// one that gives way, and each names the other one.
func TestTheLogNamesThePeer(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var low, high bytes.Buffer
		a := l.node("a", "192.0.2.1/24").start(config(vr(1, 100)), logTo(&low))
		time.Sleep(5 * time.Second)
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 120)), logTo(&high))
		time.Sleep(10 * time.Second)
		b.is(vrrp.Master)
		if got := b.router(0).Reason; got != vrrp.ReasonPreempt {
			t.Errorf("status: %v", got)
		}
		for _, n := range []*node{a, b} {
			if err := n.stop(); err != nil {
				t.Fatal(err)
			}
		}
		wantLines(t, low.String(),
			`to=MASTER reason="no advert within the master-down interval" priority=100`+"\n",
			`to=BACKUP reason="a peer has the higher priority" priority=100 peer=192.0.2.2 peer_priority=120`)
		wantLines(t, high.String(),
			`to=MASTER reason="the master had a lower priority" priority=120 peer=192.0.2.1 peer_priority=100`)
	})
}

// A member that follows another one names it, and why that one changed, also where
// several follow: none names one that only followed.
func TestTheMemberThatLedIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		var text bytes.Buffer
		one, two, three := vr(1, 100), vr(2, 100), vr(3, 100)
		c := config(one, two, three)
		c.Groups = []Group{{Name: "G", Members: []string{"VI_1", "VI_2", "VI_3"}}}
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("eth1", netip.MustParsePrefix("198.51.100.1/24"))
		c.Routers[1].Tracks = []vrrp.Track{{Key: "interface eth1", Pending: true}}
		a.start(c, logTo(&text))
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		adv := vrrp.Advert{Version: 3, VRID: 2, Priority: 200, AdvertInt: 100, Addrs: two.Addresses}
		src := addr("192.0.2.9")
		l.net.Inject("eth0", src, two.Group, 255, adv.AppendTo(nil, src, two.Group, true))
		a.is(vrrp.Backup)
		led := func(want vrrp.Reason) {
			t.Helper()
			for i, r := range a.status().Routers {
				if i != 1 && (r.Reason != vrrp.ReasonGroup || r.Member != "VI_2" || r.MemberReason != want) || i == 1 && r.Member != "" {
					t.Errorf("%s is %v (%v) for %q (%v)", r.Name, r.State, r.Reason, r.Member, r.MemberReason)
				}
			}
		}
		led(vrrp.ReasonHigherAdvert)
		a.host.SetUp("eth1", false)
		a.is(vrrp.Fault)
		led(vrrp.ReasonTrack)
		for i, r := range a.status().Routers {
			if want := []string{"member VI_2: interface eth1 is down"}; i != 1 && !slices.Equal(r.GroupFaults, want) || i == 1 && len(r.GroupFaults) > 0 {
				t.Errorf("%s: %q", r.Name, r.GroupFaults)
			}
		}
		a.host.SetUp("eth1", true)
		a.is(vrrp.Backup)
		led(vrrp.ReasonTrack)
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
		wantLines(t, text.String(),
			`msg="state changed" instance=VI_1 vrid=1 iface=eth0 from=MASTER to=BACKUP reason="sync group" priority=100 peer=192.0.2.9 because="member VI_2: a peer has the higher priority"`,
			`msg="state changed" instance=VI_3 vrid=3 iface=eth0 from=BACKUP to=FAULT reason="sync group" priority=100 because="member VI_2: interface eth1 is down"`,
			`instance=VI_1 vrid=1 iface=eth0 from=FAULT to=BACKUP reason="sync group" priority=100 because="member VI_2: tracked"`,
		)
	})
}

// What a member has for itself is no cause of another one's, and of many causes
// some are named: the status of a large group that is down stays short.
func TestTheCausesOfOtherMembers(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		const members = maxCauses + 3
		var list []Router
		g := Group{Name: "G"}
		for i := range members {
			r := vr(uint8(i+1), 100)
			r.Tracks = []vrrp.Track{{Key: fmt.Sprintf("script s%d", i), Pending: true}}
			list, g.Members = append(list, r), append(g.Members, r.Name)
		}
		list[1].Tracks = list[0].Tracks
		c := config(list...)
		c.Groups = []Group{g}
		a := l.node("a", "192.0.2.1/24")
		a.start(c)
		for i := range members {
			a.eng.Track(fmt.Sprintf("script s%d", i), i == members-1)
		}
		time.Sleep(10 * time.Second)
		a.is(vrrp.Fault)
		for i, want := range map[int][]string{
			0: {
				"member VI_3: script s2 is down", "member VI_4: script s3 is down", "member VI_5: script s4 is down",
				"member VI_6: script s5 is down", "member VI_7: script s6 is down",
			},
			members - 1: {
				"member VI_1: script s0 is down", "member VI_2: script s0 is down", "member VI_3: script s2 is down",
				"member VI_4: script s3 is down", "member VI_5: script s4 is down", "2 more",
			},
		} {
			if r := a.status().Routers[i]; !slices.Equal(r.GroupFaults, want) {
				t.Errorf("%s: %q", r.Name, r.GroupFaults)
			}
		}
		a.host.SetUp("eth0", false)
		for i := range members {
			a.eng.Track(fmt.Sprintf("script s%d", i), true)
		}
		time.Sleep(time.Second)
		for _, r := range a.status().Routers {
			if r.State != vrrp.Fault || r.GroupFaults == nil || len(r.GroupFaults) > 0 {
				t.Errorf("a cause of all: %s is %v, %q", r.Name, r.State, r.GroupFaults)
			}
		}
		if err := a.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
