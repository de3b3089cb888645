package link

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// UndoDevices removes and restores what a Devices that is gone had changed.
// What is gone already, or is somebody else's by now, is as it should be. The
// error joins all that failed. log may be nil.
func UndoDevices(r DeviceRecord, log *slog.Logger) error {
	if r.Empty() {
		return nil
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	nl, err := newHandle(again)
	if err != nil {
		return err
	}
	defer nl.Close()
	links, err := readLinks(nl)
	if err != nil {
		return err
	}
	errs := []error{removeDevices(nl, r.Devices, links, log)}
	s := newSysctls()
	s.saved = append(s.saved, r.Settings...)
	errs = append(errs, s.restore(func(Setting) bool { return true }), dropReportTables())
	return errors.Join(errs...)
}

// fewDevices may be removed one by one, which takes the kernel 20 ms each.
const fewDevices = 3

// removeDevices removes those that are still what they were: many of them
// together, by a group that is made for that.
func removeDevices(nl *netlink.Handle, list []MadeDevice, links *linkTable, log *slog.Logger) error {
	list = slices.DeleteFunc(slices.Clone(list), func(m MadeDevice) bool {
		l := links.index[m.Ifindex]
		return l == nil || !links.is(l, m)
	})
	var errs []error
	if len(list) > fewDevices {
		errs = append(errs, removeTogether(nl, list, links))
	}
	for _, m := range list {
		// After removing them together those are left that could not be marked.
		if err := nl.LinkDel(links.index[m.Ifindex]); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("link: remove %s: %w", m.Name, err))
			continue
		}
		links.drop(m.Ifindex)
		log.Info("removed a virtual interface", "interface", m.Name)
	}
	return errors.Join(errs...)
}

// removeTogether puts the devices into a group of their own and removes that
// with one message.
func removeTogether(nl *netlink.Handle, list []MadeDevice, links *linkTable) error {
	group := uint32(0x68660000)
	for slices.ContainsFunc(links.all, func(l netlink.Link) bool { return l.Attrs().Group == group }) {
		group++
	}
	for _, m := range list {
		if err := nl.LinkSetGroup(links.index[m.Ifindex], int(group)); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("link: group of %s: %w", m.Name, err)
		}
	}
	conn, err := mdnetlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return fmt.Errorf("link: remove virtual interfaces: %w", err)
	}
	defer conn.Close()
	ae := mdnetlink.NewAttributeEncoder()
	ae.Uint32(unix.IFLA_GROUP, group)
	attrs, err := ae.Encode()
	if err != nil {
		return fmt.Errorf("link: remove virtual interfaces: %w", err)
	}
	m := mdnetlink.Message{
		Header: mdnetlink.Header{Type: unix.RTM_DELLINK, Flags: mdnetlink.Request | mdnetlink.Acknowledge},
		Data:   append(make([]byte, unix.SizeofIfInfomsg), attrs...),
	}
	if _, err := conn.Execute(m); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("link: remove virtual interfaces: %w", err)
	}
	return nil
}
