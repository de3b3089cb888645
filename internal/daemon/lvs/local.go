package lvs

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"holdfast/ipvs"
)

// local are the addresses of this machine, for ha_suspend. They are followed
// from the first time that a configuration asks for it.
type local struct {
	following bool
	have      map[netip.Addr]bool
}

// suspends reports whether any service of the configuration asks for
// ha_suspend.
func (f *follow) suspends() bool { return len(f.suspend) > 0 }

// followAddresses begins to follow the machine's addresses if need be.
func (l *LVS) followAddresses() {
	if l.local.following || !l.follow.suspends() {
		return
	}
	l.local.following = true
	go l.deps.Addresses(l.ctx, func(list []netip.Addr) {
		l.inbox.post(func() {
			clear(l.local.have)
			for _, a := range list {
				l.local.have[a.Unmap()] = true
			}
			l.pause()
		})
	})
}

// suspended reports whether a virtual server rests because none of its
// addresses is on this machine. One with a mark never does.
func (f *follow) suspended(k ipvs.ServiceKey) bool {
	if !f.suspend[k] {
		return false
	}
	return !slices.ContainsFunc(f.services.members[k], func(m ipvs.ServiceKey) bool { return !m.Addr.IsValid() || f.local[m.Addr] })
}

// addressRetry is how long after a failure the kernel is asked again.
const addressRetry = time.Second

// addresses tells the addresses of this network namespace, all of them at once
// and again after each change, until ctx ends. What fails is logged once and
// done anew.
func addresses(log *slog.Logger) func(context.Context, func([]netip.Addr)) {
	return func(ctx context.Context, changed func([]netip.Addr)) {
		told := false
		for ctx.Err() == nil {
			if err := followOnce(ctx, changed); err != nil && !told {
				told = true
				log.Error("the addresses of this machine are not known: services with ha_suspend may rest", "err", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(addressRetry):
			}
		}
	}
}

// followOnce ends when the kernel's stream of news does, without an error when
// that may be begun anew at once.
func followOnce(ctx context.Context, changed func([]netip.Addr)) error {
	done := make(chan struct{})
	defer close(done)
	news := make(chan netlink.AddrUpdate, 64)
	failed := make(chan struct{}, 1)
	err := netlink.AddrSubscribeWithOptions(news, done, netlink.AddrSubscribeOptions{
		ErrorCallback: func(error) {
			select {
			case failed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return fmt.Errorf("follow addresses: %w", err)
	}
	for {
		// Read whole each time: changes are rare, and so none is missed.
		list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
		if err != nil {
			return fmt.Errorf("read addresses: %w", err)
		}
		var out []netip.Addr
		for _, a := range list {
			if ip, ok := netip.AddrFromSlice(a.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
		changed(out)
		select {
		case <-ctx.Done():
			return nil
		case <-failed:
			return nil
		case _, ok := <-news:
			if !ok {
				return nil
			}
			for len(news) > 0 {
				<-news
			}
		}
	}
}
