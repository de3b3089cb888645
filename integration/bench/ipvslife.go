package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	cf "github.com/cloudflare/ipvs"
	"golang.org/x/sys/unix"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
	"holdfast/ipvs"
)

// life is what one daemon took from start to stop.
type life struct {
	Took [ipvsPhases]time.Duration
	Set  []float64 // ms, for a weight by holdfast set
	PSS  int64     // bytes
	Left int64     // services in the kernel after the stop
}

// ipvsConf has services at 10.1.0.0 and up with one weight; the very last
// server has its own.
func ipvsConf(size, weight, last int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n  router_id bench\n}\n")
	for i := range size {
		fmt.Fprintf(&b, "virtual_server %v 80 {\n  lb_algo wlc\n  lb_kind NAT\n  protocol TCP\n", ipvsService(i))
		for j := range ipvsServers {
			w := weight
			if i == size-1 && j == ipvsServers-1 {
				w = last
			}
			fmt.Fprintf(&b, "  real_server %v 80 {\n    weight %d\n  }\n", ipvsServer(i, j), w)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func ipvsService(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }

func ipvsServer(i, j int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(2 + i>>8), byte(i), byte(j + 1)})
}

// ipvsLife runs one daemon from start to stop; who is 0 for ours.
func ipvsLife(s subject, who, size int) (life, error) {
	var out life
	l, err := lab.New("ipvs")
	if err != nil {
		return out, err
	}
	defer l.Close()
	h, err := l.Host("d")
	if err != nil {
		return out, err
	}
	k := ipvsProbe{size: size}
	if err := h.Do(k.open); err != nil {
		return out, err
	}
	defer k.table.Close()
	d := lab.Daemon{Name: s.name, Prog: s.prog, Args: []string{"-p", h.Path("bench.pid"), "-n", "-l", "-G", "-C", "-f"}}
	const file = "bench.conf"
	var begun time.Time
	phase := func(p ipvsPhase, weight, last uint32) error {
		if err := k.wait(p, weight, last); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
		out.Took[p] = k.reached.Sub(begun)
		return nil
	}
	reload := func(p *lab.Process, weight, last uint32) error {
		if err := os.WriteFile(h.Path(file), []byte(ipvsConf(size, int(weight), int(last))), 0o644); err != nil {
			return err
		}
		begun = time.Now()
		return p.Signal(syscall.SIGHUP)
	}
	if err := os.WriteFile(h.Path(file), []byte(ipvsConf(size, 1, 1)), 0o644); err != nil {
		return out, err
	}
	p, start, err := gated(h, append(append([]string{d.Prog}, d.Args...), h.Path(file)))
	if err != nil {
		return out, err
	}
	begun = time.Now()
	if err := start(); err != nil {
		return out, err
	}
	if err := phase(ipvsInstall, 1, 1); err != nil {
		return out, fmt.Errorf("%w\n%s", err, p.LogEnd())
	}
	settle()
	if err := errors.Join(reload(p, 2, 2), phase(ipvsEvery, 2, 2)); err != nil {
		return out, fmt.Errorf("%w\n%s", err, p.LogEnd())
	}
	settle()
	if err := errors.Join(reload(p, 2, 3), phase(ipvsOne, 2, 3)); err != nil {
		return out, fmt.Errorf("%w\n%s", err, p.LogEnd())
	}
	settle()
	if who == 0 {
		if out.Set, err = k.set(h.Path("bench.sock")); err != nil {
			return out, fmt.Errorf("holdfast set: %w\n%s", err, p.LogEnd())
		}
	}
	if out.PSS, err = pss(p.Tree()); err != nil {
		return out, err
	}
	begun = time.Now()
	if _, err := p.Stop(time.Minute); err != nil {
		return out, err
	}
	out.Took[ipvsStop] = time.Since(begun)
	t, err := k.table.Table()
	out.Left = int64(len(t))
	return out, errors.Join(err, k.table.Flush())
}

// gated brings a program so far that start is only its execve: entering the
// host's namespaces takes as long as a daemon takes for hundreds of services.
func gated(h *lab.Host, args []string) (p *lab.Process, start func() error, err error) {
	gate := h.Path("gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		return nil, nil, fmt.Errorf("mkfifo %s: %w", gate, err)
	}
	p, err = h.Start(lab.Spec{Args: append([]string{"/bin/sh", "-c", `read _ <"$0"; exec "$@"`, gate}, args...)})
	return p, func() error { return os.WriteFile(gate, []byte("\n"), 0) }, err
}

// settle lets a daemon end what it does after its work.
func settle() { time.Sleep(time.Second) }

// ipvsProbe looks at the table: often at its last server only, so that looking
// takes no time from the one who works.
type ipvsProbe struct {
	size    int
	table   ipvs.Kernel
	client  cf.Client
	reached time.Time
}

func (k *ipvsProbe) open() (err error) {
	if k.table, err = ipvs.Open(); err != nil {
		return err
	}
	k.client, err = cf.New()
	return err
}

// looks is how often the last server is looked at. There is one processor:
// looking at what takes long must not be a part of it.
var looks = [ipvsPhases]time.Duration{ipvsInstall: 20 * time.Millisecond, ipvsEvery: 20 * time.Millisecond, ipvsOne: 4 * time.Millisecond}

// wait waits until every server has its weight.
func (k *ipvsProbe) wait(p ipvsPhase, weight, last uint32) error {
	const limit = 2 * time.Minute
	key := cf.Service{Family: cf.INET, Protocol: cf.TCP, Address: ipvsService(k.size - 1), Port: 80}
	for deadline := time.Now().Add(limit); ; time.Sleep(looks[p]) {
		dests, err := k.client.Destinations(key)
		k.reached = time.Now()
		if err == nil && slices.ContainsFunc(dests, func(d cf.DestinationExtended) bool {
			return d.Address == ipvsServer(k.size-1, ipvsServers-1) && d.Weight == last
		}) {
			break
		}
		if k.reached.After(deadline) {
			return fmt.Errorf("not reached in %v", limit)
		}
	}
	return k.all(weight, last)
}

// set gives the last server one weight after the other as holdfast set does, and
// returns the ms that each took until the daemon said that it is in the kernel,
// which is looked after. What the start of the command itself takes is no part
// of it.
func (k *ipvsProbe) set(socket string) (took []float64, err error) {
	key := cf.Service{Family: cf.INET, Protocol: cf.TCP, Address: ipvsService(k.size - 1), Port: 80}
	for weight := uint32(100); weight < 100+ipvsSets; weight++ {
		ask := lvs.Ask{
			Service: netip.AddrPortFrom(key.Address, key.Port).String(), Server: ipvsServer(k.size-1, ipvsServers-1).String(),
			Words: []string{"weight", strconv.Itoa(int(weight))},
		}
		var answer lvs.Answer
		begun := time.Now()
		if err := control.Ask(socket, control.Request{Command: "set", Set: &ask}, &answer); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
		dests, err := k.client.Destinations(key)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(dests, func(d cf.DestinationExtended) bool {
			return d.Address == ipvsServer(k.size-1, ipvsServers-1) && d.Weight == weight
		}) {
			return nil, fmt.Errorf("the kernel has not weight %d: %v", weight, answer)
		}
	}
	return took, nil
}

// all requires that the whole table is as it should be, and waits for what
// comes after the last server.
func (k *ipvsProbe) all(weight, last uint32) error {
	wrong := ""
	if lab.WaitFor(time.Minute, func() bool {
		t, err := k.table.Table()
		at := time.Now()
		wrong = fmt.Sprintf("%d services, %v", len(t), err)
		if err != nil || len(t) != k.size {
			k.reached = at
			return false
		}
		for i := range t {
			if len(t[i].Dests) != ipvsServers {
				wrong, k.reached = t[i].ServiceKey.String(), at
				return false
			}
			for j, d := range t[i].Dests {
				w := weight
				if i == k.size-1 && j == ipvsServers-1 {
					w = last
				}
				if d.Weight != w {
					wrong, k.reached = d.String(), at
					return false
				}
			}
		}
		return true
	}) {
		return nil
	}
	return fmt.Errorf("the table is not as it should be: %s", wrong)
}
