package plan

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/vrrp"
)

// A backup that followed a master and does not understand it after a reload is a
// loss, and so is a master that another one comes beside. What comes of a peer
// that stops, or of a priority, is none.
func TestSplit(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	peer := netip.MustParseAddr("192.0.2.2")
	heard := func(ago time.Duration) *control.Peer {
		return &control.Peer{Addr: peer, Priority: 150, LastHeard: began.Add(-ago), AdvertInt: 1}
	}
	backup := control.Instance{Name: "VI_1", State: "BACKUP", AdvertInt: 1, MasterDown: 3.6, Master: heard(300 * time.Millisecond)}
	master := control.Instance{Name: "VI_1", State: "MASTER", AdvertInt: 1, MasterDown: 3.6, Reason: vrrp.ReasonTimeout.String()}
	refused := func(in control.Instance, at time.Duration) control.Instance {
		in.Refused = []control.Refused{{Reason: "auth-pass", Source: peer, Last: began.Add(at), Count: 5}}
		return in
	}
	status := func(at time.Duration, in control.Instance) *control.Status {
		b, err := json.Marshal(control.VRRP{Time: began.Add(at), Instances: []control.Instance{in}})
		if err != nil {
			t.Fatal(err)
		}
		return &control.Status{VRRP: b}
	}
	const later = 10 * time.Second
	with := func(in control.Instance, change func(*control.Instance)) control.Instance {
		change(&in)
		return in
	}
	for _, c := range []struct {
		name   string
		before control.Instance
		after  control.Instance
		at     time.Duration
		over   bool
		want   string
	}{
		{"nothing", backup, with(backup, func(in *control.Instance) { in.Master = heard(-9900 * time.Millisecond) }), later, true, ""},
		{"dropped and master beside it", backup, refused(master, 9*time.Second), later, false, "VI_1 followed the master 192.0.2.2 and is MASTER (no advert within the master-down interval): adverts from 192.0.2.2 are dropped, they have another password"},
		{"deaf on another interface", backup, master, later, false, "VI_1 followed the master 192.0.2.2 and is MASTER (no advert within the master-down interval)"},
		{"another VRID", backup, with(master, func(in *control.Instance) {
			in.VRIDMismatch = &control.Mismatch{Addr: peer, VRID: 15, VIP: peer, Last: began.Add(9 * time.Second), Now: true}
		}), later, false, "under VRID 15, and this router has VRID 0"},
		{"dropped, and waits still", backup, refused(backup, 2*time.Second), 2 * time.Second, false, ""},
		{"dropped, when the trial is over", backup, refused(backup, 2900*time.Millisecond), 3 * time.Second, true, "VI_1 followed the master 192.0.2.2, is BACKUP and hears none: adverts from 192.0.2.2 are dropped"},
		{"new, and the trial is too short to tell", backup, with(backup, func(in *control.Instance) { in.Master = heard(0) }), time.Second, true, ""},
		{"its interface is gone", backup, control.Instance{Name: "VI_1", State: control.Waiting}, later, true, "is WAITING and hears none"},
		{"FAULT under a master that is heard", backup, control.Instance{Name: "VI_1", State: "FAULT", Peers: []control.Peer{*heard(-9 * time.Second)}}, later, true, ""},
		{"it preempts", backup, with(master, func(in *control.Instance) { in.Reason = vrrp.ReasonPreempt.String() }), later, true, ""},
		{"the master stopped", backup, with(master, func(in *control.Instance) { in.Reason = vrrp.ReasonMasterStopped.String() }), later, true, ""},
		{"nobody was heard before", with(backup, func(in *control.Instance) { in.Master = nil }), master, later, true, ""},
		{"the master had stopped before", with(backup, func(in *control.Instance) { in.Master = &control.Peer{Addr: peer, LastHeard: began} }), master, later, true, ""},
		{"a master that stays alone", master, master, later, true, ""},
		{"a master, and its backup does not understand it", master, refused(master, 9*time.Second), later, false, "VI_1 was the only MASTER and is not any more: adverts from 192.0.2.2 are dropped"},
		{"a second master", master, with(master, func(in *control.Instance) {
			in.SecondMaster = &control.Rival{Addr: peer, Last: began.Add(9 * time.Second), Adverts: 2, Now: true}
		}), later, false, "192.0.2.2 is master as well"},
		{"a second master was there before", refused(master, -time.Second), refused(master, 9*time.Second), later, true, ""},
		{"one advert of another master", master, with(master, func(in *control.Instance) {
			in.SecondMaster = &control.Rival{Addr: peer, Last: began.Add(9 * time.Second), Adverts: 1, Now: true}
		}), later, true, ""},
		{"not configured any more", backup, control.Instance{Name: "VI_2", State: "BACKUP"}, later, true, ""},
	} {
		got := ""
		for _, l := range Understand(status(0, c.before)).Split(status(c.at, c.after), began, c.over) {
			got += l.Text
		}
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if list := Understand(&control.Status{VRRP: []byte("1")}).Split(status(0, master), began, true); len(list) > 0 {
		t.Errorf("%+v", list)
	}
}
