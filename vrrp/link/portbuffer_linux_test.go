package link

import (
	"testing"

	"golang.org/x/sys/unix"
)

// The buffer of a port is what was asked for last, whether it was open then or
// not; the kernel doubles it. So are those of netlink sockets.
func TestReceiveBuffers(t *testing.T) {
	if !inNetns(t) {
		return
	}
	a, b := veth(t, []string{"10.9.0.2/24"}, []string{"10.9.0.1/24"})
	w := wire(t, WireConfig{ReceiveBuffer: 100000})
	pa, pb := Port{Ifindex: a, Group: group}, Port{Ifindex: b, Group: group}
	w.Buffer(pa, 30000)
	open(t, w, pa, pb)
	room := func(what string, fd, want int) {
		t.Helper()
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err != nil || got != 2*want {
			t.Errorf("%s: %d, %v, want %d", what, got, err, 2*want)
		}
	}
	room("asked for before", w.ports[pa].fd, 30000)
	room("the default", w.ports[pb].fd, 100000)
	w.Buffer(pb, 40000)
	w.Buffer(pa, 0)
	room("asked for after", w.ports[pb].fd, 40000)
	room("the default again", w.ports[pa].fd, 100000)

	applier, err := NewApplier(nil, func([]Applied) {})
	if err != nil {
		unable(t, err.Error())
	}
	defer applier.Close()
	of := func(what string, want int) {
		t.Helper()
		raw, err := applier.conn.conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) { room(what, int(fd), want) }); err != nil {
			t.Fatal(err)
		}
	}
	applier.SetReceiveBuffer(ReceiveBuffer{Bytes: 50000})
	of("netlink", 50000)
	applier.SetReceiveBuffer(ReceiveBuffer{Bytes: 64 << 20, Force: true})
	of("netlink, by force", 64<<20)
}
