package lvs

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// fakeLinks are the interfaces of a rig.
type fakeLinks struct {
	mu   sync.Mutex
	list []link.Interface
	kick chan struct{} // buffer of 1
}

func newFakeLinks() *fakeLinks {
	f := &fakeLinks{kick: make(chan struct{}, 1)}
	f.list = []link.Interface{iface("eth0", 2, "192.0.2.1/24"), iface("eth1", 3, "198.51.100.1/24")}
	return f
}

func iface(name string, index int, addrs ...string) link.Interface {
	i := link.Interface{Name: name, Index: index, Up: true}
	for _, a := range addrs {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
	}
	return i
}

// set replaces the interface of that name, or removes it (index 0), and tells.
func (f *fakeLinks) set(i link.Interface) {
	f.mu.Lock()
	f.list = slices.DeleteFunc(slices.Clone(f.list), func(o link.Interface) bool { return o.Name == i.Name })
	if i.Index > 0 {
		f.list = append(f.list, i)
	}
	f.mu.Unlock()
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

func (f *fakeLinks) List() ([]link.Interface, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list, nil
}

func (f *fakeLinks) Watch(stop <-chan struct{}, told func(link.Update)) error {
	for {
		list, _ := f.List()
		told(link.Update{Interfaces: list})
		select {
		case <-stop:
			return nil
		case <-f.kick:
		}
	}
}

// fakeSync is what a kernel has of connection sync beside its daemons.
type fakeSync struct {
	mu       sync.Mutex
	settings map[string]string
	writes   []string
	refuse   string // a setting that cannot be written
	links    *fakeLinks
	made     map[ipvs.SyncRole][]ipvs.SyncSocket
}

func newFakeSync(links *fakeLinks) *fakeSync {
	return &fakeSync{
		links: links, made: map[ipvs.SyncRole][]ipvs.SyncSocket{},
		settings: map[string]string{settingPorts: "1", settingBackupOnly: "0"},
	}
}

func (f *fakeSync) kernel() *SyncKernel {
	return &SyncKernel{
		Sockets: f.sockets,
		Counts:  func() (ipvs.SyncCounts, error) { return ipvs.SyncCounts{Own: 3, Synced: 4}, nil },
		Get: func(name string) (string, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if v, ok := f.settings[name]; ok {
				return v, nil
			}
			return "", fmt.Errorf("no setting %s", name)
		},
		Set: func(name, value string) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if name == f.refuse {
				return fmt.Errorf("setting %s: permission denied", name)
			}
			f.settings[name] = value
			f.writes = append(f.writes, name+"="+value)
			return nil
		},
	}
}

// refuses names the setting that cannot be written from now on; empty: none.
func (f *fakeSync) refuses(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = name
}

func (f *fakeSync) sockets([]ipvs.Daemon) (list []ipvs.SyncSocket, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Concat(f.made[ipvs.SyncMaster], f.made[ipvs.SyncBackup]), nil
}

// syncedKernel gives daemons that start their sockets.
type syncedKernel struct {
	ipvs.Kernel
	f *fakeSync
}

func (k syncedKernel) StartDaemon(d ipvs.Daemon) error {
	if err := k.Kernel.StartDaemon(d); err != nil {
		return err
	}
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	n, _ := strconv.Atoi(k.f.settings[settingPorts])
	for _, other := range k.f.made {
		n = len(other) // the first daemon fixes the number
	}
	for i := range n {
		k.f.made[d.Role] = append(k.f.made[d.Role], ipvs.SyncSocket{Role: d.Role, Port: 8848 + uint16(i), Source: k.f.source(d.Interface)})
	}
	return nil
}

func (k syncedKernel) StopDaemon(r ipvs.SyncRole) error {
	if err := k.Kernel.StopDaemon(r); err != nil {
		return err
	}
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	delete(k.f.made, r)
	return nil
}

func (f *fakeSync) source(name string) netip.Addr {
	list, _ := f.links.List()
	if k := linkOf(list, name); k != nil && len(k.Addrs) > 0 {
		return k.Addrs[0]
	}
	return netip.IPv4Unspecified()
}

// wrote returns and forgets the settings that were written.
func (f *fakeSync) wrote() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.writes
	f.writes = nil
	return w
}
