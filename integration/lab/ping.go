package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Pinger sends ICMP echo requests from a host to an IPv4 address at a fixed
// pace and keeps when each answer came, by the kernel's clock. The kernel of
// whoever holds the address answers, so that nothing but the network is
// measured.
type Pinger struct {
	fd   int
	addr netip.Addr
	stop func()

	mu      sync.Mutex
	answers []time.Time
}

// echoID marks the requests of a Pinger; its host has no other.
const echoID = 0x4846

// Pinger starts to send.
func (h *Host) Pinger(addr netip.Addr, every time.Duration) (*Pinger, error) {
	p := &Pinger{addr: addr, fd: -1}
	if err := h.Do(p.open); err != nil {
		return nil, fmt.Errorf("lab: %s: ping %s: %w", h.Name, addr, err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { p.send(done, every) })
	wg.Go(func() { p.receive(done) })
	p.stop = sync.OnceFunc(func() {
		close(done)
		wg.Wait()
		_ = unix.Close(p.fd)
	})
	h.lab.onClose(p.Close)
	return p, nil
}

func (p *Pinger) open() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	p.fd = fd
	tv := unix.Timeval{Usec: 50_000}
	// Errors of earlier requests must not end later ones: no connect, no IP_RECVERR.
	return errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20))
}

func (p *Pinger) send(done <-chan struct{}, every time.Duration) {
	msg := []byte{8, 0, 0, 0, echoID >> 8, echoID & 0xff, 0, 0}
	to := &unix.SockaddrInet4{Addr: p.addr.As4()}
	next := time.Now()
	for seq := uint16(0); ; seq++ {
		select {
		case <-done:
			return
		default:
		}
		binary.BigEndian.PutUint16(msg[6:], seq)
		binary.BigEndian.PutUint16(msg[2:], 0)
		sum := uint32(0x0800) + echoID + uint32(seq)
		sum = sum&0xffff + sum>>16
		binary.BigEndian.PutUint16(msg[2:], ^uint16(sum&0xffff+sum>>16))
		// An address that nobody has is no error of ours but a missing answer.
		_ = unix.Sendto(p.fd, msg, unix.MSG_DONTWAIT, to)
		// After a pause of this machine: no burst.
		next = next.Add(every)
		if now := time.Now(); next.Before(now) {
			next = now
		}
		time.Sleep(time.Until(next))
	}
}

func (p *Pinger) receive(done <-chan struct{}) {
	buf, oob := make([]byte, 256), make([]byte, 128)
	for {
		select {
		case <-done:
			return
		default: // the receive timeout brings us back here
		}
		n, oobn, _, _, err := unix.Recvmsg(p.fd, buf, oob, 0)
		if err != nil || n < 28 {
			continue
		}
		src, _ := netip.AddrFromSlice(buf[12:16])
		icmp := buf[int(buf[0]&0xf)*4 : n]
		if src != p.addr || len(icmp) < 8 || icmp[0] != 0 || binary.BigEndian.Uint16(icmp[4:]) != echoID {
			continue
		}
		at := stamp(oob[:oobn])
		p.mu.Lock()
		p.answers = append(p.answers, at)
		p.mu.Unlock()
	}
}

// Close stops sending; what was recorded stays readable.
func (p *Pinger) Close() { p.stop() }

// Answers counts the answers in a time.
func (p *Pinger) Answers(from, to time.Time) int { return len(p.between(from, to)) }

func (p *Pinger) between(from, to time.Time) []time.Time {
	// The kernel's times have no monotonic part.
	from, to = from.Round(0), to.Round(0)
	p.mu.Lock()
	defer p.mu.Unlock()
	i := sort.Search(len(p.answers), func(i int) bool { return !p.answers[i].Before(from) })
	j := sort.Search(len(p.answers), func(j int) bool { return p.answers[j].After(to) })
	return append([]time.Time(nil), p.answers[min(i, j):j]...)
}

// Next is the first answer from a time on; the present time when there was none.
func (p *Pinger) Next(from time.Time) time.Time {
	now := time.Now().Round(0)
	if list := p.between(from, now); len(list) > 0 {
		return list[0]
	}
	return now
}

// Silence is the longest time without an answer that ended, or lasted, in the
// time given, and when it ended.
func (p *Pinger) Silence(from, to time.Time) (longest time.Duration, ended time.Time) {
	last := from.Round(0)
	if before := p.between(time.Time{}, from); len(before) > 0 {
		last = before[len(before)-1]
	}
	for _, at := range append(p.between(from, to), to.Round(0)) {
		if d := at.Sub(last); d > longest {
			longest, ended = d, at
		}
		last = at
	}
	return longest, ended
}
