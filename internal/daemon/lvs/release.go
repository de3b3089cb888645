package lvs

import (
	"errors"
	"fmt"
	"slices"

	"holdfast/internal/config"
	"holdfast/ipvs"
)

// release undoes everything at the end.
func (l *LVS) release() {
	l.tell(events(l.pool.Stop(), l.services, nil))
	l.keepSettings()
	if l.deps.Keep || l.owned.empty() {
		return
	}
	if err := l.open(); err != nil {
		l.log.Error("stop: the table stays in the kernel", "err", err)
		return
	}
	if err := errors.Join(l.releaseSync(), l.releaseTimeouts(), l.restoreSettings(nil), l.releaseTable()); err != nil {
		l.log.Error("stop: something of ours stays in the kernel", "err", err)
	}
	l.save()
}

func (l *LVS) releaseTable() error {
	if len(l.own) == 0 {
		return nil
	}
	if l.cfg.Global.LVSFlushOnStop == config.FlushAll {
		if err := l.table.kernel.Flush(); err != nil {
			return fmt.Errorf("lvs_flush_on_stop: %w", err)
		}
		l.owns(nil)
		return nil
	}
	// The last service first: the kernel keeps what leaves for two minutes in a
	// list, the latest in front, and looks through it for each server that comes.
	// A start that follows then finds each one in front.
	var ops []ipvs.Op
	for _, k := range slices.Backward(l.own) {
		ops = append(ops, ipvs.Op{Kind: ipvs.DelService, Service: ipvs.Service{ServiceKey: k}})
	}
	if err := l.table.kernel.Apply(ops); err != nil {
		return err
	}
	l.owns(nil)
	return nil
}

// releaseTimeouts restores them.
func (l *LVS) releaseTimeouts() error {
	if l.owned.Timeouts == nil {
		return nil
	}
	if err := l.table.kernel.SetTimeouts(*l.owned.Timeouts); err != nil {
		return err
	}
	o := l.owned.clone()
	o.Timeouts = nil
	l.keep(o)
	return nil
}
