package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// want is one setting that a VMAC needs.
type wantedSetting struct {
	path, value string
	why         string
}

func (w wantedSetting) least() int {
	n, _ := strconv.Atoi(w.value) // ours are numbers
	return n
}

// vmacSettings are those of the IPv4 VMAC itself, as keepalived 2.2.7 sets
// them, but where it has IPv6 addresses too. One of IPv6 has none but its
// addresses' generation mode.
func vmacSettings(name string, both bool) []wantedSetting {
	six := wantedSetting{confPath(6, name, "disable_ipv6"), "1", "the virtual MAC shows itself with IPv6 of its own"}
	if both {
		six.value, six.why = "0", "it cannot have its IPv6 addresses"
	}
	return []wantedSetting{
		{confPath(4, name, "arp_ignore"), "1", "answers for addresses of other interfaces with the virtual MAC"},
		{confPath(4, name, "rp_filter"), "0", "packets to the addresses are dropped: their senders are reached by another interface"},
		{confPath(4, name, "accept_local"), "1", "packets from this machine's own addresses are dropped"},
		{confPath(4, name, "promote_secondaries"), "1", "removing one address may take others along"},
		six,
	}
}

// ipvlanSettings are those of an IPv4 ipvlan.
func ipvlanSettings(name string) []wantedSetting {
	return []wantedSetting{
		{confPath(6, name, "disable_ipv6"), "1", "it has an IPv6 address of its own"},
	}
}

// parentSettings are those of the interface below IPv4 VMACs: it must not
// answer for their addresses with its own MAC. Packets from a virtual address
// leave by it, so it also asks for the MACs of those they go to; in
// arp_announce we differ from keepalived, whose questions carry the virtual
// address with the wrong MAC, which the one asked believes.
func parentSettings(name string) []wantedSetting {
	return []wantedSetting{
		{confPath(4, name, "arp_ignore"), "1", "ARP for the virtual addresses is answered with its own MAC too"},
		{confPath(4, name, "arp_filter"), "1", "ARP for the virtual addresses is answered with its own MAC too"},
		{confPath(4, name, "arp_announce"), "2", "its ARP requests tell neighbours that the virtual addresses are at its own MAC"},
	}
}

// setDevice writes the settings of a device that is ours.
func (s *sysctls) setDevice(d *Device, name string) error {
	var list []wantedSetting
	switch {
	case d.is4() && d.Kind == IPVlan:
		list = ipvlanSettings(name)
	case d.is4():
		list = vmacSettings(name, d.Both)
	case d.Kind == Macvlan:
		// It may have been IPv4's until now.
		list = []wantedSetting{{confPath(6, name, "disable_ipv6"), "0", "it has no IPv6 addresses without it"}}
	}
	var errs []error
	for _, w := range list {
		if err := s.set(w.path, w.value); err != nil && !s.absent(w.path) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// absent says whether the kernel lacks a setting altogether (IPv6 switched off
// at boot).
func (s *sysctls) absent(path string) bool {
	_, err := os.Stat(filepath.Join(s.root, path))
	return errors.Is(err, os.ErrNotExist)
}

// setParent writes the settings of the interface below.
func (s *sysctls) setParent(name string, ifindex int) error {
	var errs []error
	for _, w := range parentSettings(name) {
		// arp_ignore 2 and more is stricter than what is needed.
		if n, err := s.number(w.path); err == nil && n >= w.least() {
			continue
		}
		errs = append(errs, s.change(w.path, ifindex, w.value))
	}
	return errors.Join(errs...)
}

// clearAll takes rp_filter off "all", which would hold for the VMACs too: the
// kernel uses the larger of the two. Every interface keeps the filter that it
// had by that.
func (s *sysctls) clearAll() error {
	all := confPath(4, "all", "rp_filter")
	floor, err := s.number(all)
	if err != nil || floor == 0 {
		return err
	}
	names, err := os.ReadDir(filepath.Join(s.root, "ipv4/conf"))
	if err != nil {
		return fmt.Errorf("link: read settings: %w", err)
	}
	var errs []error
	for _, e := range names {
		if e.Name() == "all" {
			continue
		}
		path := confPath(4, e.Name(), "rp_filter")
		if n, err := s.number(path); err == nil && n < floor {
			errs = append(errs, s.change(path, s.indexOf(path), strconv.Itoa(floor)))
		}
	}
	return errors.Join(append(errs, s.change(all, 0, "0"))...)
}

// findings says which settings do not hold: what somebody else changed since,
// or what could not be set.
func (s *sysctls) findings(vmac string, both bool, parent string) []string {
	var out []string
	say := func(path, have, why string) {
		out = append(out, fmt.Sprintf("net/%s is %s: %s", path, have, why))
	}
	for _, w := range vmacSettings(vmac, both) {
		if have, err := s.get(w.path); err == nil && have != w.value {
			say(w.path, have, w.why)
		}
	}
	for _, w := range parentSettings(parent) {
		if n, err := s.number(w.path); err == nil && n < w.least() {
			say(w.path, strconv.Itoa(n), w.why)
		}
	}
	all := confPath(4, "all", "rp_filter")
	if n, err := s.number(all); err == nil && n == 1 {
		say(all, "1", "packets to the addresses of VMACs are dropped")
	}
	return out
}

// interfaceIndex asks the kernel for the index of an interface.
func interfaceIndex(name string) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, os.NewSyscallError("ioctl SIOCGIFINDEX", err)
	}
	return int(req.Uint32()), nil
}

// isParent says whether the setting is of the interface below a VMAC, and not
// one that all VMACs need.
func (s Setting) isParent() bool {
	return s.Ifindex != 0 && !strings.HasSuffix(s.Path, "/rp_filter")
}
