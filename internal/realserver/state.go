package realserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"holdfast/internal/host"
)

// State is what was made of a host.
type State struct {
	VIPs []VIP `json:"virtual_addresses"`
	// Done are the changes in the order in which they were made.
	Done []Item `json:"done"`
}

// VIP is an address that is served.
type VIP struct {
	Addr netip.Addr `json:"address"`
	Spec Spec       `json:"spec"`
}

// Spec is how an address is served; ok is false where it is not.
func (s *State) Spec(a netip.Addr) (Spec, bool) {
	i := slices.IndexFunc(s.VIPs, func(v VIP) bool { return v.Addr == a })
	if i < 0 {
		return Spec{}, false
	}
	return s.VIPs[i].Spec, true
}

// remember takes a change that is about to be made, or one more address for
// one that was made.
func (s *State) remember(i Item, a netip.Addr) {
	k := slices.IndexFunc(s.Done, func(o Item) bool { return o.same(&i) })
	if k < 0 {
		i.For = []netip.Addr{a}
		s.Done = append(s.Done, i)
		return
	}
	if !slices.Contains(s.Done[k].For, a) {
		s.Done[k].For = append(s.Done[k].For, a)
	}
}

// clone is a copy of the changes that what is remembered later leaves alone.
func (s *State) clone() []Item {
	done := slices.Clone(s.Done)
	for k := range done {
		done[k].For = slices.Clone(done[k].For)
	}
	return done
}

// lean remembers that an address needs the settings of ours on other
// interfaces without which a setting would not be in force: "all" counts for
// each interface, and each interface for "all".
func (s *State) lean(h *host.Snapshot, i Item, a netip.Addr) {
	_, name := settingOf(i.Path)
	without := *h
	without.Sysctls = maps.Clone(h.Sysctls)
	var ours []Item
	for _, o := range s.Done {
		if _, n := settingOf(o.Path); o.Kind == Setting && n == name {
			without.Sysctls[o.Path] = o.Former
			ours = append(ours, o)
		}
	}
	if i.done(&without) {
		return
	}
	for _, o := range ours {
		s.remember(o, a)
	}
}

// made reports whether a change is ours.
func (s *State) made(i *Item) bool {
	return slices.ContainsFunc(s.Done, func(o Item) bool { return o.same(i) })
}

// release takes an address out and returns what nobody needs any more, the
// last one first.
func (s *State) release(a netip.Addr) (gone []Item) {
	s.VIPs = slices.DeleteFunc(slices.Clone(s.VIPs), func(v VIP) bool { return v.Addr == a })
	var kept []Item
	for _, i := range s.Done {
		i.For = slices.DeleteFunc(slices.Clone(i.For), func(o netip.Addr) bool { return o == a })
		if len(i.For) == 0 {
			gone = append(gone, i)
			continue
		}
		kept = append(kept, i)
	}
	s.Done = kept
	slices.Reverse(gone)
	return gone
}

// Store is a State in a file that one process at a time has.
type Store struct {
	State
	path string
	lock *os.File
}

// Open reads a state file, or begins one, and keeps others out until Close.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s: %w", lock.Name(), err)
	}
	s := &Store{path: path, lock: lock}
	s.State, err = Read(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return s, nil
}

// Read reads a state file; one that does not exist is empty.
func Read(path string) (s State, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("%s is damaged (%w); without it nothing is known of what was changed: remove it, then up again, and undo by hand", path, err)
	}
	return s, nil
}

// Save writes the file, whole or not at all, or removes it when nothing is
// left to remember.
func (s *Store) Save() error {
	if len(s.VIPs)+len(s.Done) == 0 {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	b, err := json.MarshalIndent(s.State, "", "  ")
	if err != nil {
		return err
	}
	tmp := s.path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, s.path)
}

// Close lets others in.
func (s *Store) Close() error { return s.lock.Close() }
