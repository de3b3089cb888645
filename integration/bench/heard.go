package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// heard collects the adverts that reach a host. Nobody reads the socket until
// the question is asked, so that listening costs the machine next to nothing.
type heard struct{ fd int }

func listen(h *lab.Host) (*heard, error) {
	l := &heard{fd: -1}
	err := h.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		l.fd = fd
		return l.configure()
	})
	if err != nil {
		l.close()
		return nil, fmt.Errorf("listen on %s: %w", h.Name, err)
	}
	return l, nil
}

func (l *heard) configure() error {
	// IP packets of protocol 112, without their bodies.
	prog, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 112, SkipFalse: 1},
		bpf.RetConstant{Val: 20},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(prog))
	for i, r := range prog {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.SetsockoptSockFprog(l.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32<<20); err != nil {
		return err
	}
	// A socket for one protocol does not hear what its own host sends.
	proto := binary.BigEndian.AppendUint16(nil, unix.ETH_P_IP)
	return unix.Bind(l.fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(proto)})
}

// last is when the newest advert came in.
func (l *heard) last() (at time.Time, err error) {
	buf, oob := make([]byte, 64), make([]byte, 128)
	for {
		_, n, _, _, err := unix.Recvmsg(l.fd, buf, oob, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			if at.IsZero() {
				return at, errors.New("no advert was heard")
			}
			return at, nil
		case err != nil:
			return at, fmt.Errorf("adverts: %w", err)
		}
		msgs, err := unix.ParseSocketControlMessage(oob[:n])
		if err != nil {
			return at, fmt.Errorf("adverts: %w", err)
		}
		for _, m := range msgs {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
				at = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
			}
		}
	}
}

func (l *heard) close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
	}
}
