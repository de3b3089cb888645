package link

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watch starts a watcher and gives its updates.
func watch(t testing.TB) chan Update {
	t.Helper()
	w := NewWatcher(nil)
	updates, stop, ended := make(chan Update, 256), make(chan struct{}), make(chan error, 1)
	go func() { ended <- w.Watch(stop, func(u Update) { updates <- u }) }()
	t.Cleanup(func() {
		close(stop)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Watch: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("Watch did not end")
		}
		w.Close()
	})
	return updates
}

// until reads updates until cond holds, a minute at most, and returns what was lost
// on the way.
func until(t testing.TB, updates chan Update, what string, cond func([]Interface) bool) []LostAddress {
	t.Helper()
	var lost []LostAddress
	for limit := time.After(time.Minute); ; {
		select {
		case u := <-updates:
			lost = append(lost, u.Lost...)
			if cond(u.Interfaces) {
				return lost
			}
		case <-limit:
			t.Fatalf("never told: %s", what)
		}
	}
}

func named(list []Interface, name string) (Interface, bool) {
	i := slices.IndexFunc(list, func(x Interface) bool { return x.Name == name })
	if i < 0 {
		return Interface{}, false
	}
	return list[i], true
}

func TestWatcher(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, []string{"10.9.0.2/24"}, nil)
	updates := watch(t)
	until(t, updates, "the present set", func(list []Interface) bool {
		i, ok := named(list, "va")
		want := fmt.Sprintf("{%d va true 1500 %s [10.9.0.2/24] invalid IP invalid IP true 0 0}", va, macA)
		if ok && fmt.Sprint(i) != want {
			t.Errorf("got %v, want %v", i, want)
		}
		return ok
	})
	has := func(p string, want bool) func([]Interface) bool {
		return func(list []Interface) bool {
			i, _ := named(list, "va")
			return slices.Contains(i.Addrs, prefix(p)) == want
		}
	}
	up := func(name string, want bool) func([]Interface) bool {
		return func(list []Interface) bool {
			i, ok := named(list, name)
			return ok && i.Up == want
		}
	}
	run(t, "ip", "addr", "add", "10.9.0.54/32", "dev", "va")
	until(t, updates, "an address added", has("10.9.0.54/32", true))
	run(t, "ip", "addr", "del", "10.9.0.54/32", "dev", "va")
	lost := until(t, updates, "an address removed", has("10.9.0.54/32", false))
	if !slices.Equal(lost, []LostAddress{{va, prefix("10.9.0.54/32")}}) {
		t.Errorf("lost %v", lost)
	}
	run(t, "ip", "link", "set", "vb", "down")
	until(t, updates, "the carrier lost", up("va", false))
	run(t, "ip", "link", "set", "vb", "up")
	until(t, updates, "the carrier back", up("va", true))
	run(t, "ip", "link", "set", "va", "mtu", "1400")
	until(t, updates, "another MTU", func(list []Interface) bool { i, _ := named(list, "va"); return i.MTU == 1400 })
	run(t, "ip", "link", "del", "va")
	lost = until(t, updates, "the interface gone", func(list []Interface) bool { _, ok := named(list, "va"); return !ok })
	t.Logf("lost with the interface: %v", lost)
	run(t, "ip", "link", "add", "name", "va", "type", "veth", "peer", "name", "vb")
	until(t, updates, "the interface back", func(list []Interface) bool { i, ok := named(list, "va"); return ok && i.Index != va })
}

// What overran the socket is told nevertheless, by reading everything anew.
func TestWatcherOverrun(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, nil, nil)
	var said bytes.Buffer // written by Watch's goroutine alone, read when that has ended
	w := NewWatcher(slog.New(slog.NewTextHandler(&said, nil)))
	defer w.Close()
	conn, err := NewWatcher(nil).subscribe()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadBuffer(4096); err != nil { // room for a few messages
		t.Fatal(err)
	}
	a, answers := applierIn(t)
	first, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	updates, stop, ended := make(chan Update, 64), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		w.follow(conn, stop, func(u Update) {
			once.Do(func() {
				close(first)
				<-release
			})
			updates <- u
		})
	}()
	<-first // nothing is read from the socket now
	all := make([]Address, 255)
	for i := range all {
		all[i] = Address{Ifindex: va, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 8, 0, byte(i)}), 32)}
	}
	a.Set(1, 1, Wanted{Addresses: all})
	if x := answer(t, answers); x.Err != nil {
		t.Fatal(x.Err)
	}
	close(release)
	until(t, updates, "255 addresses", func(list []Interface) bool { i, _ := named(list, "va"); return len(i.Addrs) == 255 })
	close(stop)
	<-ended
	if !strings.Contains(said.String(), unix.ENOBUFS.Error()) {
		t.Errorf("the socket was not overrun: %s", &said)
	}
}

// Readings that thousands of additions spoil are made again, and nobody is told
// of trouble.
func TestWatcherBurst(t *testing.T) {
	if !inNetns(t) {
		return
	}
	const n = 4000
	va, _ := veth(t, nil, nil)
	var said bytes.Buffer // written by Watch's goroutine alone, read when that has ended
	w := NewWatcher(slog.New(slog.NewTextHandler(&said, nil)))
	defer w.Close()
	updates, stop, ended := make(chan Update, 1024), make(chan struct{}), make(chan error, 1)
	go func() { ended <- w.Watch(stop, func(u Update) { updates <- u }) }()
	<-updates
	a, answers := applierIn(t)
	all := make([]Address, n)
	for i := range all {
		all[i] = Address{Ifindex: va, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}), 32)}
	}
	a.Set(1, 1, Wanted{Addresses: all})
	if x := answer(t, answers); x.Err != nil {
		t.Fatal(x.Err)
	}
	until(t, updates, "all addresses", func(list []Interface) bool { i, _ := named(list, "va"); return len(i.Addrs) == n })
	close(stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if said.Len() > 0 {
		t.Errorf("said: %s", &said)
	}
}

func TestWatcherList(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, vb := veth(t, []string{"10.9.0.2/24", "10.9.0.3/32"}, nil)
	w := NewWatcher(nil)
	defer w.Close()
	list, err := w.List()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(list, func(a, b Interface) int { return a.Index - b.Index }) {
		t.Errorf("not ordered by index: %v", list)
	}
	lo, _ := named(list, "lo")
	if !lo.Up || lo.Multicast || !slices.Contains(lo.Addrs, prefix("127.0.0.1/8")) {
		t.Errorf("lo is %+v", lo)
	}
	a, _ := named(list, "va")
	if a.Index != va || !slices.Equal(a.Addrs, []netip.Prefix{prefix("10.9.0.2/24"), prefix("10.9.0.3/32")}) {
		t.Errorf("va is %+v", a)
	}
	if b, _ := named(list, "vb"); b.Index != vb || len(b.Addrs) != 0 {
		t.Errorf("vb is %+v", b)
	}
}

func TestLostAddresses(t *testing.T) {
	at := func(index int, prefixes ...string) Interface {
		i := Interface{Index: index}
		for _, p := range prefixes {
			i.Addrs = append(i.Addrs, prefix(p))
		}
		return i
	}
	got := lostAddresses(
		[]Interface{at(1, "192.0.2.1/24", "192.0.2.2/32"), at(2, "192.0.2.3/32"), at(3, "192.0.2.4/32")},
		[]Interface{at(1, "192.0.2.1/24"), at(3, "192.0.2.4/24"), at(4, "192.0.2.9/32")})
	want := []LostAddress{{1, prefix("192.0.2.2/32")}, {3, prefix("192.0.2.4/32")}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := lostAddresses(nil, []Interface{at(1, "192.0.2.1/24")}); len(got) != 0 {
		t.Errorf("lost at the first reading: %v", got)
	}
}
