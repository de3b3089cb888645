package link

import "golang.org/x/sys/unix"

// Buffer sets the receive buffer of a port in bytes; 0: the wire's. That of an
// open port is changed, that of another one is there when Open opens it. The
// engine's thread.
func (w *EpollWire) Buffer(key Port, bytes int) {
	if w.buffers[key] == bytes {
		return
	}
	if bytes == 0 {
		delete(w.buffers, key)
	} else {
		w.buffers[key] = bytes
	}
	if p := w.ports[key]; p != nil {
		setReceiveBuffer(p.fd, w.bufferOf(key))
	}
}

func (w *EpollWire) bufferOf(key Port) int {
	if n := w.buffers[key]; n > 0 {
		return n
	}
	return w.rcvbuf
}

func setReceiveBuffer(fd, bytes int) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes); err != nil {
		// Without CAP_NET_ADMIN the system's limit holds.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
	}
}
