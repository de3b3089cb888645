package realserver

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/host"
)

// TestSettingsOfTwoPaths: an address that needs no setting of its own because
// of one that was made for another address keeps that one, whichever of "all"
// and the interface was first; in the end all is as before.
func TestSettingsOfTwoPaths(t *testing.T) {
	one := Spec{Interfaces: []string{"eth0"}}
	for name, order := range map[string][2]Spec{"all first": {{}, one}, "the interface first": {one, {}}} {
		t.Run(name, func(t *testing.T) {
			f, st := newFake(), store(t)
			before := f.clone()
			for k, a := range []netip.Addr{vip, vip2} {
				if _, err := Up(st, f, a, order[k]); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Down(st, f, vip); err != nil {
				t.Fatal(err)
			}
			if all, err := Check(&f.Snapshot, vip2, order[1]); err != nil || len(all) > 0 {
				t.Errorf("the end of the first takes what the second needs: %v, %v", all, err)
			}
			if _, err := Down(st, f, vip2); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, &f.Snapshot, sameAddresses); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
		})
	}
}

// TestSettingsOfTheHost: a setting that the host had for itself is not taken
// for one of ours.
func TestSettingsOfTheHost(t *testing.T) {
	f, st := newFake(), store(t)
	if _, err := Up(st, f, vip, Spec{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"arp_ignore", "arp_announce"} {
		f.Sysctls[host.Setting("ipv4", "eth0", s)] = "2"
	}
	if _, err := Up(st, f, vip2, Spec{Interfaces: []string{"eth0"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Down(st, f, vip); err != nil {
		t.Fatal(err)
	}
	if got := f.Sysctls[host.Setting("ipv4", "all", "arp_ignore")]; got != "0" {
		t.Errorf("arp_ignore of all is %s still, and nobody needs it", got)
	}
}

// TestFailedChangeIsForgotten: what could not be done, and what would have come
// after it, is not undone: by then somebody else may have made it.
func TestFailedChangeIsForgotten(t *testing.T) {
	f, st := newFake(), store(t)
	broken := errors.New("broken")
	f.fail = func(i Item) error {
		if i.Kind == Dummy {
			return broken
		}
		return nil
	}
	if _, err := Up(st, f, vip, Spec{Device: "lvs0"}); !errors.Is(err, broken) {
		t.Fatalf("up: %v", err)
	}
	f.fail = nil
	f.Links = append(f.Links, host.Link{Name: "lvs0", Type: "bridge", Up: true})
	f.settings("lvs0")
	kept, err := Read(st.path)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(kept.Done, st.Done, func(a, b Item) bool { return a.same(&b) }) {
		t.Errorf("the file has %v, and it is %v", kept.Done, st.Done)
	}
	if _, err := Down(st, f, vip); err != nil {
		t.Fatal(err)
	}
	if l := f.Link("lvs0"); l == nil || !l.Up {
		t.Errorf("the interface of somebody else: %+v", l)
	}
	if f.Effective("eth0", "arp_ignore") != 0 {
		t.Error("what was done before the failure stays")
	}
}

// TestFailureKeepsOthers: a failure takes nothing from another address.
func TestFailureKeepsOthers(t *testing.T) {
	f, st := newFake(), store(t)
	if _, err := Up(st, f, vip, Spec{}); err != nil {
		t.Fatal(err)
	}
	want := len(st.Done)
	f.fail = func(i Item) error { return errors.New("broken") }
	if _, err := Up(st, f, vip2, Spec{}); err == nil {
		t.Fatal("no failure")
	}
	f.fail = nil
	if len(st.Done) != want {
		t.Errorf("remembered: %+v", st.Done)
	}
	for _, a := range []netip.Addr{vip2, vip} {
		if _, err := Down(st, f, a); err != nil {
			t.Fatal(err)
		}
	}
	if f.Effective("eth0", "arp_ignore") != 0 || len(f.On(vip)) > 0 {
		t.Error("something is left")
	}
}
