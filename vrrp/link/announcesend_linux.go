package link

import (
	"encoding/binary"
	"log/slog"
	"unsafe"

	"golang.org/x/sys/unix"
)

// garpSender keeps the headers of one sendmmsg of frames.
type garpSender struct {
	hdrs  [garpBatch]unix.Mmsghdr
	iovs  [garpBatch]unix.Iovec
	names [garpBatch]unix.RawSockaddrLinklayer
}

// send sends frames, at most garpBatch, and tells how many of them, counted
// from the first, went out and how many were refused for good; the rest did
// not fit into a queue for the moment.
func (s *garpSender) send(fd int, frames []garpFrame, log *slog.Logger) (sent, failed int) {
	for i, f := range frames {
		s.names[i] = unix.RawSockaddrLinklayer{
			Family:   unix.AF_PACKET,
			Protocol: htons(binary.BigEndian.Uint16(f.frame[12:])),
			Ifindex:  int32(f.ifindex),
			Halen:    6,
		}
		copy(s.names[i].Addr[:], f.frame[:6])
		s.iovs[i].Base = unsafe.SliceData(f.frame)
		s.iovs[i].SetLen(len(f.frame))
		h := &s.hdrs[i].Hdr
		h.Name = (*byte)(unsafe.Pointer(&s.names[i]))
		h.Namelen = unix.SizeofSockaddrLinklayer
		h.Iov = &s.iovs[i]
		h.SetIovlen(1)
	}
	for off := 0; off < len(frames); {
		n, errno := sendmmsg(fd, s.hdrs[off:len(frames)], unix.MSG_DONTWAIT)
		switch errno {
		case 0:
			sent += n
			off += n
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS:
			return sent, failed
		default:
			if failed == 0 {
				log.Warn("announcing an address was refused", "address", frames[off].addr, "ifindex", frames[off].ifindex, "error", errno)
			}
			failed++
			off++
		}
	}
	return sent, failed
}

// htons gives v in network order.
func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}
