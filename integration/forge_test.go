package integration

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// forged is an advert made by hand, right or wrong.
type forged struct {
	from netip.Addr
	ttl  int
	body []byte
	raw  bool // leave the checksum as it is
}

// send sends it to the multicast group, from the host of the calling thread.
func (f forged) send() error {
	s, err := newForger(f.from)
	if err != nil {
		return err
	}
	defer s.close()
	return s.send(f)
}

// forger is a socket for forged adverts.
type forger struct{ fd int }

func newForger(from netip.Addr) (*forger, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 112)
	if err != nil {
		return nil, fmt.Errorf("forger: %w", err)
	}
	if err := unix.SetsockoptInet4Addr(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, from.As4()); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("forger: %w", err)
	}
	return &forger{fd}, nil
}

func (s *forger) close() { unix.Close(s.fd) }

func (s *forger) send(f forged) error {
	body := append([]byte(nil), f.body...)
	if !f.raw && len(body) >= 8 {
		seal(body, f.from)
	}
	if err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, f.ttl); err != nil {
		return fmt.Errorf("forger: %w", err)
	}
	return unix.Sendto(s.fd, body, 0, &unix.SockaddrInet4{Addr: lab.Group})
}

// seal sets the checksum: RFC 3768 section 5.3.8, RFC 9568 section 5.2.8.
func seal(body []byte, from netip.Addr) {
	body[6], body[7] = 0, 0
	binary.BigEndian.PutUint16(body[6:], lab.Checksum(body, from, body[0]>>4 == 3))
}

// advert is the router's advert with the priority given, for the address of
// most scenarios; the checksum is missing.
func (r router) advert(priority uint8) []byte {
	b := []byte{byte(r.Version<<4 | 1), byte(r.VRID), priority, 1, 0, 0, 0, 0}
	if r.Version == 3 {
		binary.BigEndian.PutUint16(b[4:], uint16(r.Interval.Milliseconds()/10))
	} else {
		b[5] = byte(r.Interval.Seconds())
	}
	a := vip.As4()
	b = append(b, a[:]...)
	if r.Version == 2 {
		b = append(b, make([]byte, 8)...)
	}
	return b
}
