package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
	"holdfast/vrrp/link"
	"holdfast/vrrp/route"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestAKilledDaemonsStateIsHandedToTheChildren(t *testing.T) {
	d := newDaemon(t, "a")
	d.leave("192.0.2.77/32", `["tcp 192.0.2.77:80"]`)
	d.run()
	d.told(role.VRRP, "start a resume=0 left=1 restarted=false other=true owned=")
	d.told(role.LVS, `start a resume=0 left=0 restarted=false other=true owned=["tcp 192.0.2.77:80"]`)
}

// What a killed daemon left is nobody's when the configuration has no use for
// the role that left it: it is removed nevertheless.
func TestAKilledDaemonsStateIsCleanedUpWithoutItsRole(t *testing.T) {
	d := newDaemon(t, "a")
	d.set("a", true, false)
	d.leave("192.0.2.77/32", `["tcp 192.0.2.77:80"]`)
	d.run()
	d.story(role.LVS, `start a resume=0 left=0 restarted=false other=true owned=["tcp 192.0.2.77:80"]`, "stop")
}

// leave writes the state file of a killed daemon, and its other remains.
func (d *daemonUnderTest) leave(prefix, owned string) {
	d.t.Helper()
	b, err := json.Marshal(savedState{
		Kernel: kernelID(), Owned: json.RawMessage(owned),
		Wanted: link.Wanted{Addresses: []link.Address{{Ifindex: 1 << 30, Prefix: netip.MustParsePrefix(prefix)}}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	for name, text := range map[string]string{
		"state": string(b), "state.new": "{half of", "holdfast.pid": "1\n", "vrrp.pid": "1\n", "lvs.pid": "1\n",
	} {
		if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	stale, err := listenAndForget(d.opts.Control)
	if err != nil || !stale {
		d.t.Fatal(err)
	}
}

func TestStateFileIsNotBelievedBlindly(t *testing.T) {
	address := func(ifindex int, prefix string) string {
		return fmt.Sprintf(`{"kernel":%q,"addresses":[{"Ifindex":%d,"Prefix":%q}]}`, kernelID(), ifindex, prefix)
	}
	for name, c := range map[string]struct {
		text   string
		mode   os.FileMode
		want   int
		failed bool
	}{
		"good":                {address(3, "192.0.2.1/24"), 0o600, 1, false},
		"everywhere":          {address(0, "192.0.2.1/24"), 0o600, 0, true},
		"loopback":            {address(1, "127.0.0.1/8"), 0o600, 0, false},
		"IPv6 loopback":       {address(1, "::1/128"), 0o600, 0, false},
		"mapped loopback":     {address(1, "::ffff:127.0.0.1/104"), 0o600, 0, false},
		"unspecified":         {address(1, "0.0.0.0/32"), 0o600, 0, false},
		"static loopback":     {address(1, "127.0.0.2/8"), 0o600, 1, false},
		"no address":          {address(1, ""), 0o600, 0, true},
		"not JSON":            {"{", 0o600, 0, true},
		"another type":        {`{"addresses":7}`, 0o600, 0, true},
		"empty":               {"", 0o600, 0, true},
		"writable by others":  {address(3, "192.0.2.1/24"), 0o666, 0, true},
		"another boot":        {strings.Replace(address(3, "192.0.2.1/24"), kernelID(), "x", 1), 0o600, 0, false},
		"from before kernels": {`{"addresses":[{"Ifindex":3,"Prefix":"192.0.2.1/24"}]}`, 0o600, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			st, err := newStateFile(path, quiet()).load()
			if len(st.Addresses) != c.want || (err != nil) != c.failed {
				t.Errorf("%+v, %v", st, err)
			}
		})
	}
	dir := t.TempDir()
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "link"), "/dev/zero"} {
		if _, err := newStateFile(path, quiet()).load(); err == nil {
			t.Errorf("%s was read", path)
		}
	}
}

func TestStateFileSavesTheNewest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := newStateFile(path, quiet())
	for i := range 100 {
		s.save(savedState{
			Wanted: link.Wanted{Addresses: []link.Address{{Ifindex: i + 1, Prefix: netip.MustParsePrefix("192.0.2.1/24")}}},
			Owned:  json.RawMessage(`{"a":1}`),
		})
	}
	s.wait()
	st, err := s.load()
	if err != nil || len(st.Addresses) != 1 || st.Addresses[0].Ifindex != 100 || string(st.Owned) != `{"a":1}` {
		t.Errorf("%+v, %v", st, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	s.remove()
	if _, err := os.Stat(path); err == nil {
		t.Error("not removed")
	}
}

func TestPIDFileIsLockedAndFollowsNoLink(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "a.pid")
	p, err := createPIDFile(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := createPIDFile(path, 2); !errors.Is(err, ErrRunning) {
		t.Errorf("second lock: %v, want ErrRunning", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "1\n" {
		t.Errorf("the file says %q", b)
	}
	if err := os.Symlink("/etc/hostname", path+".link"); err != nil {
		t.Fatal(err)
	}
	if _, err := createPIDFile(path+".link", 2); err == nil {
		t.Error("a symbolic link was followed")
	}
	// Another daemon's file at our path is not ours to remove.
	os.Remove(path)
	q, err := createPIDFile(path, 3)
	if err != nil {
		t.Fatal(err)
	}
	p.remove()
	if _, err := os.Stat(path); err != nil {
		t.Error("the file of another daemon was removed")
	}
	q.remove()
	if _, err := os.Stat(path); err == nil {
		t.Error("not removed")
	}
}

func TestATakenPIDFileOfAChildIsSeenAndAFreeOneIsNotHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.pid")
	if err := free(path); err != nil {
		t.Errorf("no file: %v", err)
	}
	p, err := createPIDFile(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := free(path); !errors.Is(err, ErrRunning) {
		t.Errorf("taken: %v, want ErrRunning", err)
	}
	p.f.Close() // as after SIGKILL: the file stays, the lock does not
	if err := free(path); err != nil {
		t.Errorf("left behind: %v", err)
	}
}

// TestStateObjects: routes and rules come back from the file, but for those that
// are marked as the kernel's or the administrator's.
func TestStateObjects(t *testing.T) {
	s := newStateFile(filepath.Join(t.TempDir(), "state"), quiet())
	to := netip.MustParsePrefix("10.1.0.0/16")
	var held link.Wanted
	for _, proto := range []uint8{0, 4} {
		r := route.Route{Family: 4, To: to, Protocol: proto}
		body, err := r.Body(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		held.Objects = append(held.Objects, link.Object{Kind: link.ObjectRoute, Body: link.Raw(body), Text: fmt.Sprint(proto)})
	}
	s.save(savedState{Wanted: held})
	s.wait()
	got, err := s.load()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Objects, held.Objects[:1]) {
		t.Errorf("got %+v", got.Objects)
	}
}

// What stands in the file is one JSON text, whoever put its parts together.
func TestWhatIsOwnedStandsInTheStateFile(t *testing.T) {
	s := newStateFile(filepath.Join(t.TempDir(), "state"), quiet())
	for _, owned := range []string{"", "{}", `{"services":["192.0.2.1:80/tcp"]}`} {
		wanted := link.Wanted{Addresses: []link.Address{{Ifindex: 3, Prefix: netip.MustParsePrefix("192.0.2.1/32")}}}
		s.save(savedState{Wanted: wanted, Owned: json.RawMessage(owned), Settings: json.RawMessage(`[1]`)})
		s.wait()
		got, err := s.load()
		if err != nil || string(got.Owned) != owned || string(got.Settings) != "[1]" || len(got.Addresses) != 1 {
			t.Errorf("%q: %+v, %v", owned, got, err)
		}
	}
}

// A word that is no JSON is nobody's to keep: a successor and the state file have the
// former one, and addresses that come later are in the file.
func TestAWordThatIsNoJSONIsNotKept(t *testing.T) {
	handsOver(t, func(h handingOver) {
		h.state = newStateFile(filepath.Join(t.TempDir(), "state"), quiet())
		const owned, settings = `{"services":["192.0.2.1:80/tcp"]}`, `[{"server":"a\"b\u2028\u0000"}]`
		say := func(owned, settings string) {
			h.message(h.lvs.child, ipc.Message{Type: ipc.TypeOwned, Body: json.RawMessage(owned)})
			h.message(h.lvs.child, ipc.Message{Type: ipc.TypeSettings, Body: json.RawMessage(settings)})
		}
		say(owned, settings)
		if !h.unsaved {
			t.Error("what was said is not to be saved")
		}
		for _, word := range []string{"", "{", `{"services":[`, owned + "}", `,"owned":1`, "{} {}", "\x00", `"` + "\n" + `"`} {
			h.unsaved = false
			say(word, word)
			if boot := h.boot(h.lvs, nil); h.unsaved || string(boot.Owned) != owned || string(boot.Settings) != settings {
				t.Errorf("after %q a successor gets %s and %s", word, boot.Owned, boot.Settings)
			}
		}
		wanted := link.Wanted{Addresses: []link.Address{{Ifindex: 3, Prefix: netip.MustParsePrefix("192.0.2.1/32")}}}
		h.state.save(savedState{Wanted: wanted, Owned: h.owned, Settings: h.settings})
		h.state.wait()
		if got, err := h.state.load(); err != nil || len(got.Addresses) != 1 || string(got.Owned) != owned || string(got.Settings) != settings {
			t.Errorf("the file has %+v, %v", got, err)
		}
	})
}
