package link

import (
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// applierIn opens an applier whose answers go to the channel.
func applierIn(t testing.TB) (*NetlinkApplier, chan Applied) {
	t.Helper()
	answers := make(chan Applied, 64)
	a, err := NewApplier(nil, func(list []Applied) {
		for _, x := range list {
			answers <- x
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a, answers
}

func answer(t testing.TB, c chan Applied) Applied {
	t.Helper()
	select {
	case x := <-c:
		return x
	case <-time.After(time.Minute):
		t.Fatal("no answer")
		return Applied{}
	}
}

// kernelAddrs are the addresses of an interface by their prefix.
func kernelAddrs(t testing.TB, ifindex int) map[netip.Prefix]kernelAddr {
	t.Helper()
	h, err := newHandle(again)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	list, err := listAddrs(h)
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[netip.Prefix]kernelAddr)
	for _, k := range list {
		if k.Ifindex == ifindex {
			m[k.Prefix] = k
		}
	}
	return m
}

func present(t testing.TB, ifindex int) string {
	t.Helper()
	var s []string
	for p := range kernelAddrs(t, ifindex) {
		s = append(s, p.String())
	}
	slices.Sort(s)
	return strings.Join(s, " ")
}

func want(ifindex int, prefixes ...string) []Address {
	var out []Address
	for _, p := range prefixes {
		out = append(out, Address{Ifindex: ifindex, Prefix: prefix(p)})
	}
	return out
}

func TestApplier(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, []string{"10.9.0.2/24"}, nil)
	a, answers := applierIn(t)

	full := Address{
		Ifindex: va, Prefix: prefix("10.9.0.54/32"), Label: "va:vip",
		Scope: unix.RT_SCOPE_LINK, Broadcast: addr("10.9.0.255"),
	}
	a.Set(1, 7, Wanted{Addresses: append(want(va, "10.9.0.53/32"), full)})
	if x := answer(t, answers); x.Owner != 1 || x.Gen != 7 || x.Err != nil || x.Failed != nil {
		t.Fatalf("answer %+v", x)
	}
	got := kernelAddrs(t, va)
	full.Flags = unix.IFA_F_PERMANENT
	if k := got[full.Prefix]; k.Address != full || k.Proto != IFAProto {
		t.Errorf("installed as %+v", k)
	}
	if k := got[prefix("10.9.0.53/32")]; k.Label != "va" || k.Scope != 0 || k.Broadcast.IsValid() || k.Proto != IFAProto {
		t.Errorf("installed as %+v", k)
	}

	// Present and missing ones are as good as added and removed.
	run(t, "ip", "addr", "del", "10.9.0.53/32", "dev", "va")
	run(t, "ip", "addr", "add", "10.9.0.55/32", "dev", "va")
	a.Set(1, 8, Wanted{Addresses: want(va, "10.9.0.53/32", "10.9.0.55/32")})
	if x := answer(t, answers); x.Err != nil {
		t.Fatal(x.Err)
	}
	if s := present(t, va); s != "10.9.0.2/24 10.9.0.53/32 10.9.0.55/32" {
		t.Errorf("present: %s", s)
	}
	run(t, "ip", "addr", "del", "10.9.0.53/32", "dev", "va")
	a.Set(1, 9, Wanted{})
	if x := answer(t, answers); x.Err != nil {
		t.Fatal(x.Err)
	}
	if s := present(t, va); s != "10.9.0.2/24" {
		t.Errorf("present: %s", s)
	}
}

// One that fails does not stop the others of its batch, and the error names it.
func TestApplierOneFails(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, []string{"10.9.0.2/24"}, nil)
	a, answers := applierIn(t)
	list := want(va, "10.9.0.53/32", "10.9.0.54/32")
	list = slices.Insert(list, 1, Address{Ifindex: 4711, Prefix: prefix("192.0.2.1/32")}, Address{Ifindex: va})
	a.Set(3, 1, Wanted{Addresses: list})
	x := answer(t, answers)
	if x.Err == nil {
		t.Fatal("no error")
	}
	for _, s := range []string{"add address 192.0.2.1/32 on interface 4711: no such device", "add address invalid Prefix on interface"} {
		if !strings.Contains(x.Err.Error(), s) {
			t.Errorf("%q is not in %q", s, x.Err)
		}
	}
	if s := present(t, va); s != "10.9.0.2/24 10.9.0.53/32 10.9.0.54/32" {
		t.Errorf("present: %s", s)
	}
	if !slices.Equal(x.Failed, list[1:3]) {
		t.Errorf("failed: %v", x.Failed)
	}
	a.Set(3, 2, Wanted{})
	if x := answer(t, answers); x.Err != nil || x.Failed != nil {
		t.Errorf("answer %+v", x)
	}
	// The last of a batch fails: that is its answer as well.
	a.Set(3, 3, Wanted{Addresses: []Address{{Ifindex: va, Prefix: prefix("10.9.0.53/32")}, {Ifindex: 4711, Prefix: prefix("192.0.2.1/32")}}})
	if x := answer(t, answers); x.Err == nil || strings.Count(x.Err.Error(), "address") != 1 {
		t.Errorf("answer %+v", x)
	}
}

func TestApplierNewestWins(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, []string{"10.9.0.2/24"}, nil)
	a, answers := applierIn(t)
	a.work.Lock() // the applier cannot begin
	a.Set(9, 1, Wanted{Addresses: want(va, "10.9.0.50/32")})
	eventually(t, "the first one is taken", func() bool { // and hangs
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.waiting) == 0
	})
	for gen := range uint64(10) {
		a.Set(1, gen, Wanted{Addresses: want(va, "10.9.0.53/32")})
		a.Set(2, gen, Wanted{Addresses: want(va, "10.9.0.54/32")})
	}
	a.Set(1, 99, Wanted{})
	a.work.Unlock()
	var got []Applied
	for range 3 {
		got = append(got, answer(t, answers))
	}
	if !reflect.DeepEqual(got, []Applied{{Owner: 9, Gen: 1}, {Owner: 1, Gen: 99}, {Owner: 2, Gen: 9}}) {
		t.Errorf("answers %+v", got)
	}
	if s := present(t, va); s != "10.9.0.2/24 10.9.0.50/32 10.9.0.54/32" {
		t.Errorf("present: %s", s)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a.Set(1, 100, Wanted{}) // does nothing
	if len(answers) != 0 {
		t.Errorf("an answer after Close: %+v", <-answers)
	}
}

func TestApplierMany(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, []string{"10.9.0.2/24"}, nil)
	a, answers := applierIn(t)
	all := make([]Address, 600)
	for i := range all {
		all[i] = Address{Ifindex: va, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}), 32)}
	}
	for _, n := range []int{255, 600, 0} {
		start := time.Now()
		a.Set(1, 1, Wanted{Addresses: all[:n]})
		if x := answer(t, answers); x.Err != nil {
			t.Fatal(x.Err)
		}
		t.Logf("%d addresses after %v", n, time.Since(start))
		if got := len(kernelAddrs(t, va)); got != n+1 {
			t.Errorf("%d addresses are there, want %d", got, n+1)
		}
	}
	// A batch in which every message fails is read to its end.
	for i := range all {
		all[i].Ifindex = 4711
	}
	a.Set(1, 1, Wanted{Addresses: all})
	if x := answer(t, answers); x.Err == nil || strings.Count(x.Err.Error(), "no such device") != len(all) {
		t.Errorf("%d errors", strings.Count(x.Err.Error(), "no such device"))
	}
}

// Removing the first address of a subnet takes the others with it unless the
// kernel is told to promote one; those that are wanted or not ours come back.
func TestApplierSecondaries(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, nil, nil)
	for _, promote := range []string{"0", "1"} {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/va/promote_secondaries", []byte(promote), 0o644); err != nil {
			t.Fatal(err)
		}
		a, answers := applierIn(t)
		a.Set(1, 1, Wanted{Addresses: want(va, "10.7.0.1/24")})
		answer(t, answers)
		a.Set(2, 1, Wanted{Addresses: want(va, "10.7.0.2/24", "10.7.0.3/24")})
		answer(t, answers)
		run(t, "ip", "addr", "add", "10.7.0.4/24", "brd", "10.7.0.255", "dev", "va")
		a.Set(1, 2, Wanted{})
		if x := answer(t, answers); x.Err != nil {
			t.Fatal(x.Err)
		}
		if s := present(t, va); s != "10.7.0.2/24 10.7.0.3/24 10.7.0.4/24" {
			t.Errorf("promote_secondaries %s, one removed: present %s", promote, s)
		}
		if k := kernelAddrs(t, va)[prefix("10.7.0.4/24")]; k.Proto == IFAProto || k.Broadcast != addr("10.7.0.255") {
			t.Errorf("promote_secondaries %s: the stranger's address is now %+v", promote, k)
		}
		if k := kernelAddrs(t, va)[prefix("10.7.0.2/24")]; k.Proto != IFAProto {
			t.Errorf("promote_secondaries %s: ours lost its mark: %+v", promote, k)
		}
		a.Set(2, 2, Wanted{Addresses: want(va, "10.7.0.3/24")})
		if x := answer(t, answers); x.Err != nil {
			t.Fatal(x.Err)
		}
		if s := present(t, va); s != "10.7.0.3/24 10.7.0.4/24" {
			t.Errorf("promote_secondaries %s, two removed: present %s", promote, s)
		}
		a.Set(2, 3, Wanted{})
		answer(t, answers)
		run(t, "ip", "addr", "flush", "dev", "va")
		a.Close()
	}
}

func TestApplierSweep(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, vb := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	dead, answers := applierIn(t)
	dead.Set(1, 1, Wanted{Addresses: append(want(va, "10.9.0.53/32", "10.9.0.54/32"), want(vb, "10.9.0.55/32")...)})
	answer(t, answers)
	run(t, "ip", "addr", "add", "10.9.0.60/32", "dev", "vb") // left by a program without our mark
	a, _ := applierIn(t)
	if err := a.Sweep(Wanted{Addresses: append(want(0, "10.9.0.60/32"), want(va, "203.0.113.1/32")...)}, Wanted{Addresses: want(va, "10.9.0.54/32")}); err != nil {
		t.Fatal(err)
	}
	if s := present(t, va) + ", " + present(t, vb); s != "10.9.0.2/24 10.9.0.54/32, 10.9.0.1/24" {
		t.Errorf("present: %s", s)
	}
	if err := a.Sweep(Wanted{}, Wanted{}); err != nil {
		t.Fatal(err)
	}
	if s := present(t, va); s != "10.9.0.2/24" {
		t.Errorf("present: %s", s)
	}
}

func TestApplierIPv6(t *testing.T) {
	if !inNetns(t) {
		return
	}
	va, _ := veth(t, nil, nil)
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/va/disable_ipv6", []byte("0"), 0o644); err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	a, answers := applierIn(t)
	a.Set(1, 1, Wanted{Addresses: want(va, "2001:db8::54/128", "2001:db8:1::54/64")})
	if x := answer(t, answers); x.Err != nil {
		t.Fatal(x.Err)
	}
	got := kernelAddrs(t, va)
	const bad = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED
	if k := got[prefix("2001:db8::54/128")]; k.Flags&bad != 0 || k.Flags&unix.IFA_F_NODAD == 0 || k.Flags&unix.IFA_F_DEPRECATED == 0 || k.Proto != IFAProto {
		t.Errorf("a host's address: %+v", k)
	}
	if k := got[prefix("2001:db8:1::54/64")]; k.Flags&bad != 0 || k.Flags&unix.IFA_F_DEPRECATED != 0 {
		t.Errorf("an address of a subnet: %+v", k)
	}
	a.Set(1, 2, Wanted{})
	if x := answer(t, answers); x.Err != nil {
		t.Fatal(x.Err)
	}
	if s := present(t, va); strings.Contains(s, "2001:db8") {
		t.Errorf("present: %s", s)
	}
}

// The applier is urgent, on the thread that talks to the kernel, while it works
// and only as long as it is to be.
func TestUrgentWhileItWorks(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, _ := veth(t, nil, nil)
	ap, answers := applierIn(t)
	var raised, undone, strayed atomic.Int32
	ap.Urgent(func() func() {
		runtime.LockOSThread()
		tid := unix.Gettid()
		raised.Add(1)
		return func() {
			if unix.Gettid() != tid {
				strayed.Add(1)
			}
			runtime.UnlockOSThread()
			undone.Add(1)
		}
	})
	set := func(gen uint64, prefixes ...string) {
		t.Helper()
		var want []Address
		for _, p := range prefixes {
			want = append(want, Address{Ifindex: a, Prefix: prefix(p)})
		}
		ap.Set(1, gen, Wanted{Addresses: want})
		if x := answer(t, answers); x.Err != nil || x.Gen != gen {
			t.Fatalf("%+v", x)
		}
	}
	set(1, "10.9.0.1/32")
	eventually(t, "undone", func() bool { return raised.Load() == 1 && undone.Load() == 1 })
	ap.Urgent(nil)
	set(2)
	if raised.Load() != 1 || strayed.Load() != 0 {
		t.Errorf("raised %d times, undone on another thread %d times", raised.Load(), strayed.Load())
	}
}
