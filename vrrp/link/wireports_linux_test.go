package link

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An interface that goes and comes back needs no new wire.
func TestWireInterfaceComesBack(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, _ := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	w := wire(t, WireConfig{})
	old := Port{Ifindex: a, Group: group}
	open(t, w, old)
	run(t, "ip", "link", "del", "va")
	batch := []Datagram{{Port: old, Dst: group, Body: []byte("gone")}}
	if w.Send(batch); batch[0].Err == nil {
		t.Error("sent on an interface that is gone")
	}
	if failed := w.Open([]Port{old}); failed[old] == nil {
		t.Error("opened a port on an interface that is gone")
	}
	run(t, "ip", "link", "add", "name", "va", "address", macA, "type", "veth", "peer", "name", "vb", "address", macB)
	run(t, "ip", "addr", "add", "10.9.0.2/24", "dev", "va")
	run(t, "ip", "link", "set", "va", "up")
	run(t, "ip", "link", "set", "vb", "up")
	p, pb := Port{Ifindex: index(t, "va"), Group: group}, Port{Ifindex: index(t, "vb"), Group: group}
	open(t, w, p)
	hear := wire(t, WireConfig{})
	open(t, hear, pb)
	if _, ok := hear.SourceOf(pb); ok {
		t.Error("an interface without an address has a source")
	}
	if _, ok := w.SourceOf(old); ok {
		t.Error("a closed port has a source")
	}
	eventually(t, "a packet over the new interface", func() bool {
		batch := []Datagram{{Port: p, Dst: group, Body: []byte("back")}}
		w.Send(batch)
		ps, err := hear.Wait(hear.Now().Add(20 * time.Millisecond))
		return err == nil && len(ps) > 0 && batch[0].Err == nil
	})
}

// The source follows the interface's own address and never a virtual one.
func TestWireSource(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, nil, nil)
	conn, err := dialAddrs()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.close()
	vip := addrOp{add: true, addr: wanted(Address{Ifindex: a, Prefix: prefix("10.9.0.54/32")})}
	if err := apply(conn, []addrOp{vip})[0]; err != nil {
		t.Fatal(err)
	}
	next := capture(t, b, unix.ETH_P_IP)
	w := wire(t, WireConfig{})
	p := Port{Ifindex: a, Group: group}
	open(t, w, p)
	if src, ok := w.SourceOf(p); ok {
		t.Errorf("a virtual address is the source: %v", src)
	}
	for _, own := range []string{"10.9.0.2", "10.9.0.3"} {
		run(t, "ip", "addr", "add", own+"/24", "dev", "va")
		open(t, w, p)
		if src, _ := w.SourceOf(p); src != addr(own) {
			t.Errorf("source %v, want %v", src, own)
		}
		send(t, w, p, "224.0.0.18", []byte("x"))
		if f := next(); len(f) < 30 || !bytes.Equal(f[26:30], addr(own).AsSlice()) {
			t.Errorf("frame %x does not come from %v", f, own)
		}
		run(t, "ip", "addr", "del", own+"/24", "dev", "va")
	}
}
