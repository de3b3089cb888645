package engine

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/vrrp"
	"holdfast/vrrp/link"
)

// vmac puts a router on a VMAC above eth0.
func vmac(r Router) Router {
	r.Device = link.Device{
		Kind: link.Macvlan, Parent: r.Interface, VRID: r.VRID, MAC: [6]byte{0, 0, 0x5e, 0, 1, r.VRID},
		Prefix: "vrrp", Source: true,
	}
	return r
}

// withDevices gives a node's engine its Devices.
func (n *node) withDevices(d *Deps) {
	d.Devices = n.proc.Devices(func(s []link.DeviceState) { n.eng.Devices(s) })
}

// on names the interface that holds an address.
func (n *node) on(a netip.Addr) string {
	n.t.Helper()
	list, err := n.proc.Watcher().List()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, i := range list {
		for _, p := range i.Addrs {
			if p.Addr() == a {
				return i.Name
			}
		}
	}
	return ""
}

func TestDevicePair(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.start(config(vmac(vr(1, 150))), a.withDevices)
		b := l.node("b", "192.0.2.2/24")
		b.start(config(vmac(vr(1, 100))), b.withDevices)
		time.Sleep(10 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		if got := a.on(addr("192.0.2.101")); got != "vrrp.1" {
			t.Errorf("the address is on %q", got)
		}
		if r := a.router(0); r.Source != addr("192.0.2.1") || r.Device != "vrrp.1" || r.Waiting {
			t.Errorf("status %+v", r)
		}
		// The interface below takes the VMAC along.
		a.host.SetUp("eth0", false)
		a.is(vrrp.Fault)
		time.Sleep(4 * time.Second)
		b.is(vrrp.Master)
		a.host.SetUp("eth0", true)
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
	})
}

// A VMAC that a stranger deletes is made anew at once, and nobody else becomes
// master; when he does it again and again, somebody does.
func TestDeviceDeleted(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.start(config(vmac(vr(1, 150))), a.withDevices)
		b := l.node("b", "192.0.2.2/24").start(config(vr(1, 100)))
		time.Sleep(10 * time.Second)
		a.host.DeleteInterface("vrrp.1")
		time.Sleep(10 * time.Millisecond)
		a.is(vrrp.Master)
		if got := a.on(addr("192.0.2.101")); got != "vrrp.1" {
			t.Errorf("the address is on %q", got)
		}
		announced := a.proc.Announced()
		if last := announced[len(announced)-1]; time.Since(last.At) > 10*time.Millisecond {
			t.Errorf("not announced again: %v", last)
		}
		time.Sleep(4 * time.Second)
		a.is(vrrp.Master)
		b.is(vrrp.Backup)
		a.host.DeleteInterface("vrrp.1")
		a.is(vrrp.Backup) // it is there again, but the accident is none any more
		b.is(vrrp.Backup)
		time.Sleep(4 * time.Second)
		a.is(vrrp.Master)
	})
}

// A VMAC has the MTU of the interface below, also after that was smaller.
func TestDeviceMTU(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.start(config(vmac(vr(1, 150))), a.withDevices)
		for _, mtu := range []int{1500, 1280, 1400, 9000} {
			a.host.SetMTU("eth0", mtu)
			time.Sleep(time.Second)
			list, err := a.proc.Watcher().List()
			if err != nil || len(list) != 2 || list[1].MTU != mtu {
				t.Fatalf("MTU %d: %+v, %v", mtu, list, err)
			}
		}
	})
}

func TestDeviceCannotBeMade(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.host.AddInterface("vrrp.1") // a stranger's
		a.start(config(vmac(vr(1, 150))), a.withDevices)
		time.Sleep(5 * time.Second)
		a.is(vrrp.Init)
		if r := a.router(0); r.PortError == "" || r.Waiting {
			t.Errorf("status %+v", r)
		}
		a.host.DeleteInterface("vrrp.1")
		time.Sleep(6 * time.Second)
		a.is(vrrp.Master)
		// The interface below goes for good, and another one comes.
		a.host.DeleteInterface("eth0")
		a.is(vrrp.Fault)
		a.host.AddInterface("eth0", netip.MustParsePrefix("192.0.2.1/24"))
		time.Sleep(5 * time.Second)
		a.is(vrrp.Master)
		if got := a.on(addr("192.0.2.101")); got != "vrrp.1" {
			t.Errorf("the address is on %q", got)
		}
	})
}

func TestDeviceReload(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.start(config(vr(1, 150)), a.withDevices)
		time.Sleep(5 * time.Second)
		for _, want := range []struct {
			cfg Router
			on  string
		}{{vmac(vr(1, 150)), "vrrp.1"}, {vr(1, 150), "eth0"}} {
			if err := a.eng.Reload(t.Context(), config(want.cfg)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			a.is(vrrp.Master)
			if got := a.on(addr("192.0.2.101")); got != want.on {
				t.Errorf("the address is on %q, want %q", got, want.on)
			}
		}
		list, err := a.proc.Watcher().List()
		if err != nil || len(list) != 1 {
			t.Errorf("interfaces %v, %v", list, err)
		}
		synctest.Wait()
	})
}

func TestDeviceRequired(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		a := l.node("a", "192.0.2.1/24")
		a.prepare(config(vr(1, 150)))
		deps := a.eng.deps
		if _, err := New(config(vmac(vr(1, 150))), deps); err == nil || errors.Is(err, ErrStopped) {
			t.Errorf("an engine without devices: %v", err)
		}
	})
}

// shared are two routers whose VMACs are one: each has an advert of its own
// family, sent from the interface below.
func shared() (four, six Router) {
	own := [6]byte{2, 0, 0, 0, 0, 7}
	four, six = vmac(vr(7, 150)), vmac(vr(7, 150, "fe80::107/64"))
	four.Device.Name, four.Device.Source, four.XmitBase = "vm7", false, true
	six.Name, six.Group, six.Device.IPv6, six.XmitBase = "VI_6", addr("ff02::12"), true, true
	six.Device.LinkGroup, six.Device.HasLinkGroup = 5, true
	four.Device.MAC, six.Device.MAC = own, own
	return four, six
}

// Whoever asks for the same device gets one that is for all of them, and it does
// not matter who asks first.
func TestSharedDevice(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		four, six := shared()
		for _, cfg := range []Config{config(four, six), config(six, four)} {
			a := l.node("a"+cfg.Routers[0].Name, "192.0.2.1/24")
			a.prepare(cfg, a.withDevices)
			want := a.eng.wantedDevices()
			if len(want) != 1 || !want[0].Both || !want[0].Source || want[0].Name != "vm7" || want[0].LinkGroup != 5 || !want[0].HasLinkGroup {
				t.Errorf("%s first: %+v", cfg.Routers[0].Name, want)
			}
		}
	})
}

// A reload that moves or removes one of those that share a device, or renames
// it, is none of the other's affair.
func TestSharedDeviceReload(t *testing.T) {
	bubble(t, func(t *testing.T, l *lab) {
		four, six := shared()
		a := l.node("a", "192.0.2.1/24")
		if err := a.host.AddAddress("eth0", netip.MustParsePrefix("fe80::1/64")); err != nil {
			t.Fatal(err)
		}
		a.start(config(four, six), a.withDevices)
		time.Sleep(5 * time.Second)
		told := a.obs.told()
		index := func() int {
			list, err := a.proc.Watcher().List()
			if err != nil || len(list) != 2 {
				t.Fatalf("interfaces %+v, %v", list, err)
			}
			return list[1].Index
		}
		device := index()
		named := six
		named.Device.Name = "vm8"
		for _, step := range []struct {
			what string
			cfg  Config
			name string
		}{
			{"swapped", config(six, four), "vm7"},
			{"named", config(named, four), "vm7"},
			{"gone", config(six), "vm7"},
			{"back", config(four, six), "vm7"},
			{"alone and named", config(named), "vm8"},
		} {
			what := step.what
			a.reload(step.cfg)
			time.Sleep(5 * time.Second)
			if got := index(); got != device {
				t.Errorf("%s: interface %d, was %d", what, got, device)
			}
			for i, r := range a.status().Routers {
				if r.State != vrrp.Master || r.Ifindex != device || r.Device != step.name || r.AddressesLost != 0 {
					t.Errorf("%s: router %d: %v on %d (%s)", what, i, r.State, r.Ifindex, r.Device)
				}
			}
			if got := a.on(addr("fe80::107")); got != step.name {
				t.Errorf("%s: the address is on %q", what, got)
			}
		}
		for _, s := range a.obs.told()[len(told):] {
			if !strings.HasPrefix(s, "VI_7 ") {
				t.Errorf("told %s", s)
			}
		}
		// And nothing of it stays behind when nobody wants it any more.
		a.reload(config())
		time.Sleep(time.Second)
		if list, err := a.proc.Watcher().List(); err != nil || len(list) != 1 {
			t.Errorf("interfaces %+v, %v", list, err)
		}
	})
}
