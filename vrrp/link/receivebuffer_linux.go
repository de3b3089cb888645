package link

import (
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ReceiveBuffer is the receive buffer of a netlink socket.
type ReceiveBuffer struct {
	Bytes int  // 0: ours
	Force bool // beyond what the system allows (net.core.rmem_max)
}

// set gives conn the buffer, or one of def bytes.
func (b ReceiveBuffer) set(conn *netlink.Conn, def int) error {
	if b.Bytes <= 0 {
		return conn.SetReadBuffer(def)
	}
	option := unix.SO_RCVBUF
	if b.Force {
		option = unix.SO_RCVBUFFORCE
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = raw.Control(func(fd uintptr) { serr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, b.Bytes) })
	if err == nil {
		err = os.NewSyscallError("setsockopt", serr)
	}
	return err
}

// SetReceiveBuffer sets the receive buffer of the socket that changes addresses,
// routes and rules.
func (a *NetlinkApplier) SetReceiveBuffer(b ReceiveBuffer) {
	a.work.Lock()
	defer a.work.Unlock()
	if a.room == b {
		return
	}
	a.room = b
	if err := b.set(a.conn.conn, nlBuffer); err != nil {
		a.log.Error("receive buffer of the netlink socket not set", "bytes", b.Bytes, "error", err)
	}
}

// SetReceiveBuffer sets the receive buffer of the socket that hears of interfaces
// and addresses. Any goroutine.
func (w *NetlinkWatcher) SetReceiveBuffer(b ReceiveBuffer) {
	w.roomMu.Lock()
	defer w.roomMu.Unlock()
	if w.room == b {
		return
	}
	w.room = b
	if w.listening == nil {
		return
	}
	if err := b.set(w.listening, watchBuffer); err != nil {
		w.log.Error("receive buffer of the netlink socket not set", "bytes", b.Bytes, "error", err)
	}
}
