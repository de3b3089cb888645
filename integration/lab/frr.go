package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// frrDaemons is where Debian's package frr keeps its daemons.
const frrDaemons = "/usr/lib/frr"

// FRRRouter is one virtual router of FRR, of one address family.
type FRRRouter struct {
	Iface    string // the interface that carries the adverts
	Version  int
	VRID     int
	Interval time.Duration // steps of 10 ms; v2: whole seconds
	Priority int
	VIPs     []netip.Prefix // one family; IPv6: a link-local one first
	Extra    []string       // more lines of the interface, such as "no vrrp 51 preempt"
}

// Link is the name of the macvlan that holds the addresses.
func (r FRRRouter) Link() string {
	family := 4
	if r.VIPs[0].Addr().Is6() {
		family = 6
	}
	return fmt.Sprintf("vrrp%d-%s-%d", family, r.Iface, r.VRID)
}

// FRR is FRR's zebra and vrrpd in a host.
type FRR struct {
	host         *Host
	dir          string
	zebra, vrrpd *Process
}

// StartFRR runs zebra and vrrpd with the virtual routers given. FRR leaves to
// the administrator a macvlan with the virtual MAC and the addresses for each,
// and the rule that a host answers ARP for an address only where it is; it
// switches the macvlan on as master and off as backup (protodown).
func (h *Host) StartFRR(routers ...FRRRouter) (*FRR, error) {
	f := &FRR{host: h, dir: h.Path("frr")}
	if err := f.prepare(routers); err != nil {
		return nil, fmt.Errorf("lab: %s: frr: %w", h.Name, err)
	}
	var err error
	common := []string{"-u", "frr", "-g", "frr", "-z", f.path("zserv.api"), "--vty_socket", f.dir, "-P", "0", "--log", "stdout"}
	f.zebra, err = h.Start(Spec{Args: append([]string{
		filepath.Join(frrDaemons, "zebra"), "-f", f.path("zebra.conf"), "-i", f.path("zebra.pid"),
	}, common...)})
	if err != nil {
		return nil, err
	}
	if !WaitFor(30*time.Second, func() bool { return exists(f.path("zserv.api")) && exists(f.path("zebra.vty")) }) {
		return nil, fmt.Errorf("lab: %s: zebra does not run: %s", h.Name, f.zebra.Log())
	}
	f.vrrpd, err = h.Start(Spec{Args: append([]string{
		filepath.Join(frrDaemons, "vrrpd"), "-f", f.path("vrrpd.conf"), "-i", f.path("vrrpd.pid"),
	}, common...)})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (f *FRR) path(name string) string { return filepath.Join(f.dir, name) }

// prepare writes the files and makes the macvlans; those of an earlier run stay.
func (f *FRR) prepare(routers []FRRRouter) error {
	// Sockets and pid files of an earlier run would look like those of this one.
	if err := os.RemoveAll(f.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return err
	}
	u, err := user.Lookup("frr")
	if err != nil {
		return err
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if err := errors.Join(errUID, errGID, os.Chown(f.dir, uid, gid)); err != nil {
		return err
	}
	// zebra keeps a file of its own below /run/frr whatever it is told.
	if out, err := f.host.Output(context.Background(), "install", "-d", "-o", "frr", "-g", "frr", "/run/frr"); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var b strings.Builder
	for _, r := range routers {
		b.WriteString(r.conf())
		if err := f.macvlan(r); err != nil {
			return fmt.Errorf("%s: %w", r.Link(), err)
		}
	}
	return errors.Join(
		os.WriteFile(f.path("zebra.conf"), nil, 0o644),
		os.WriteFile(f.path("vrrpd.conf"), []byte(b.String()), 0o644))
}

// conf is the router in FRR's language, which counts milliseconds.
func (r FRRRouter) conf() string {
	var b strings.Builder
	fmt.Fprintf(&b, "interface %s\n", r.Iface)
	say := func(format string, args ...any) {
		fmt.Fprintf(&b, " vrrp %d %s\n", r.VRID, fmt.Sprintf(format, args...))
	}
	say("version %d", r.Version)
	say("priority %d", r.Priority)
	say("advertisement-interval %d", r.Interval.Milliseconds())
	for _, line := range r.Extra {
		fmt.Fprintf(&b, " %s\n", line)
	}
	for _, v := range r.VIPs {
		word := "ip"
		if v.Addr().Is6() {
			word = "ipv6"
		}
		say("%s %s", word, v.Addr())
	}
	b.WriteString("exit\n")
	return b.String()
}

func (f *FRR) macvlan(r FRRRouter) error {
	nl := f.host.space.nl
	if _, err := nl.LinkByName(r.Link()); err == nil {
		return nil
	}
	parent, err := nl.LinkByName(r.Iface)
	if err != nil {
		return err
	}
	for _, name := range []string{"all", r.Iface} {
		if err := errors.Join(
			f.host.Sysctl("net/ipv4/conf/"+name+"/arp_ignore", "1"),
			f.host.Sysctl("net/ipv4/conf/"+name+"/arp_announce", "2"),
			f.host.Sysctl("net/ipv4/conf/"+name+"/rp_filter", "0")); err != nil {
			return err
		}
	}
	l := &netlink.Macvlan{LinkAttrs: netlink.NewLinkAttrs(), Mode: netlink.MACVLAN_MODE_BRIDGE}
	l.Name, l.ParentIndex = r.Link(), parent.Attrs().Index
	l.HardwareAddr = []byte{0, 0, 0x5e, 0, 1, byte(r.VRID)}
	if r.VIPs[0].Addr().Is6() {
		l.HardwareAddr[4] = 2
	}
	if err := nl.LinkAdd(l); err != nil {
		return err
	}
	link, err := nl.LinkByName(r.Link())
	if err != nil {
		return err
	}
	// An address that the kernel makes from the MAC would be on every router.
	if r.VIPs[0].Addr().Is6() {
		err = f.host.Sysctl("net/ipv6/conf/"+r.Link()+"/addr_gen_mode", "1")
	} else {
		err = f.host.Sysctl("net/ipv6/conf/"+r.Link()+"/disable_ipv6", "1")
	}
	if err != nil {
		return err
	}
	for _, v := range r.VIPs {
		if err := f.host.AddAddr(r.Link(), v.String()); err != nil {
			return err
		}
	}
	return nl.LinkSetUp(link)
}

// FRRState is what vrrpd tells of one family of a virtual router.
type FRRState struct {
	Status              string // Initialize, Backup or Master
	EffectivePriority   int
	MasterAdverInterval int // ms
	Stats               struct{ AdverTx, AdverRx, Transitions int }
}

// State asks vrrpd.
func (f *FRR) State(ctx context.Context, r FRRRouter) (FRRState, error) {
	out, err := f.host.Output(ctx, "vtysh", "--vty_socket", f.dir, "-d", "vrrpd", "-c", "show vrrp json")
	if err != nil {
		return FRRState{}, err
	}
	var list []struct {
		VRID   int
		V4, V6 FRRState
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return FRRState{}, fmt.Errorf("lab: %s: vrrpd says %q: %w", f.host.Name, out, err)
	}
	for _, x := range list {
		if x.VRID != r.VRID {
			continue
		}
		if r.VIPs[0].Addr().Is6() {
			return x.V6, nil
		}
		return x.V4, nil
	}
	return FRRState{}, fmt.Errorf("lab: %s: vrrpd has no virtual router %d: %s", f.host.Name, r.VRID, out)
}

// WaitState waits until vrrpd says that it is in a state.
func (f *FRR) WaitState(r FRRRouter, status string, limit time.Duration) error {
	var last FRRState
	var err error
	ok := WaitFor(limit, func() bool {
		last, err = f.State(context.Background(), r)
		return err == nil && last.Status == status
	})
	if !ok {
		return fmt.Errorf("lab: %s: vrrpd is %s, not %s, after %v (%v)", f.host.Name, last.Status, status, limit, err)
	}
	return nil
}

// Log is what both daemons printed.
func (f *FRR) Log() string { return f.vrrpd.Log() + f.zebra.Log() }

// Stop ends vrrpd, which says farewell, and then zebra.
func (f *FRR) Stop(limit time.Duration) error {
	_, err := f.vrrpd.Stop(limit)
	_, err2 := f.zebra.Stop(limit)
	return errors.Join(err, err2)
}

// Crash cuts the host off and kills both daemons.
func (f *FRR) Crash() error {
	_, err := f.vrrpd.Crash()
	return errors.Join(err, f.zebra.Kill())
}
