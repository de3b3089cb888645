package faults

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
)

// FloodRate is how many packets a second a flood sends.
const FloodRate = 10_000

const (
	burst = 20 // packets of a system call
	// poolSize is how many different packets there are; at FloodRate they come
	// round a few times a second, in another order each time.
	poolSize = 8000
)

// flood is a stranger on the segment who sends random and mutated adverts.
type flood struct {
	quit, done chan struct{}
	begun      time.Time
	sent       int
	err        error
}

func (f *flood) stop() (sent int, took time.Duration, err error) {
	close(f.quit)
	<-f.done
	return f.sent, time.Since(f.begun), f.err
}

func (s *Scene) startFlood() (*flood, error) {
	real, ok := s.capture.Last(s.A.Host.Name, vrid)
	if !ok {
		return nil, errors.New("flood: no advert to mutate")
	}
	pool := hostile(real, rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano()))))
	f := &flood{quit: make(chan struct{}), done: make(chan struct{}), begun: time.Now()}
	go func() {
		defer close(f.done)
		f.err = s.stranger.Do(func() error { return f.run(pool) })
	}()
	return f, nil
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

func (f *flood) run(pool [][]byte) error {
	link, err := net.InterfaceByName("eth0")
	if err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link.Index}); err != nil {
		return fmt.Errorf("flood: %w", err)
	}
	var vec [burst]unix.Iovec
	var msgs [burst]mmsghdr
	for i := range msgs {
		msgs[i].hdr.Iov = &vec[i]
		msgs[i].hdr.SetIovlen(1)
	}
	for {
		select {
		case <-f.quit:
			return nil
		default:
		}
		for i := range vec {
			frame := pool[rand.N(len(pool))]
			vec[i].Base = &frame[0]
			vec[i].SetLen(len(frame))
		}
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&msgs[0])), burst, 0, 0, 0)
		switch errno {
		case 0:
			f.sent += int(n)
		case unix.EINTR, unix.ENOBUFS:
		default:
			return fmt.Errorf("flood: sendmmsg: %w", errno)
		}
		due := f.begun.Add(time.Duration(f.sent) * time.Second / FloodRate)
		time.Sleep(time.Until(due))
	}
}

// hostile makes packets out of a real advert that a router has to throw away:
// random ones, mutated ones, and right ones with one thing wrong that no
// checksum shows.
func hostile(real lab.Advert, rng *rand.Rand) [][]byte {
	sources := []netip.Addr{real.Src, netip.MustParseAddr("192.0.2.66"), netip.MustParseAddr("192.0.2.2")}
	pool := make([][]byte, 0, poolSize)
	for len(pool) < poolSize {
		src, ttl := sources[rng.IntN(len(sources))], byte(255)
		body := append([]byte(nil), real.Body...)
		sum := false
		switch rng.IntN(6) {
		case 0: // nonsense of any length
			body = randomBytes(rng, rng.IntN(200))
		case 1: // nonsense with our header's beginning
			body = append(append([]byte(nil), real.Body[:3]...), randomBytes(rng, rng.IntN(80))...)
		case 2: // one to four bytes changed, the checksum kept
			for range 1 + rng.IntN(4) {
				body[rng.IntN(len(body))] = byte(rng.Uint32())
			}
		case 3: // cut short or with something behind
			body = append(body[:rng.IntN(len(body))], randomBytes(rng, rng.IntN(30))...)
		case 4: // an owner's or a leaving router's advert that came from afar
			body[2], ttl, sum = byte(255*rng.IntN(2)), byte(rng.IntN(255)), true
		case 5: // another version, type or virtual router, with everything else right
			sum = true
			switch rng.IntN(3) {
			case 0:
				body[0] = body[0]&0xf | byte(4+rng.IntN(12))<<4
			case 1:
				body[0] = body[0]&0xf0 | byte(2+rng.IntN(14))
			default:
				body[1] = byte(1 + (int(body[1])+rng.IntN(253))%255)
			}
			body[2] = byte(rng.Uint32())
		}
		if sum {
			binary.BigEndian.PutUint16(body[6:], 0)
			binary.BigEndian.PutUint16(body[6:], lab.Checksum(body, src, real.Version == 3))
		}
		if valid(body, src, ttl, real) {
			continue
		}
		pool = append(pool, frame(src, ttl, body))
	}
	return pool
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// valid reports whether a router might have to believe the packet: TTL,
// version, type, virtual router and one of the forms of the checksum are right.
func valid(body []byte, src netip.Addr, ttl byte, real lab.Advert) bool {
	return ttl == 255 && len(body) >= 8 && body[0] == real.Body[0] && body[1] == real.Body[1] &&
		(lab.Checksum(body, src, false) == 0 || lab.Checksum(body, src, true) == 0)
}

// frame puts a message into an IPv4 packet to the routers' group.
func frame(src netip.Addr, ttl byte, body []byte) []byte {
	mac, _ := net.ParseMAC(strangerMAC)
	f := append([]byte{1, 0, 0x5e, 0, 0, 18}, mac...)
	f = append(f, 8, 0)
	ip := []byte{0x45, 0xc0, 0, 0, 0, 0, 0, 0, ttl, 112, 0, 0}
	binary.BigEndian.PutUint16(ip[2:], uint16(20+len(body)))
	a := src.As4()
	ip = append(append(ip, a[:]...), lab.Group[:]...)
	binary.BigEndian.PutUint16(ip[10:], lab.Checksum(ip, src, false))
	return append(append(f, ip...), body...)
}
