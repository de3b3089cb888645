package link

import (
	"errors"
	"fmt"
	"log/slog"

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
	nl, err := newHandle()
	if err != nil {
		return err
	}
	defer nl.Close()
	links, err := readLinks(nl)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range r.Devices {
		l := links.index[m.Ifindex]
		if l == nil || !links.is(l, m) {
			continue
		}
		if err := nl.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("link: remove %s: %w", m.Name, err))
			continue
		}
		log.Info("removed a virtual interface", "interface", m.Name)
	}
	s := newSysctls()
	s.saved = append(s.saved, r.Settings...)
	errs = append(errs, s.restore(func(Setting) bool { return true }), dropReportTables())
	return errors.Join(errs...)
}
