package link

import (
	"fmt"

	"github.com/google/nftables"
)

// FirewallRepairs counts how often tables that somebody removed, or emptied,
// were put back. Any goroutine may call it.
func (d *NetlinkDevices) FirewallRepairs() uint64 { return d.repairs.Load() }

// guard watches the tables that there are; d.work is held.
func (d *NetlinkDevices) guard() {
	names := map[string]bool{}
	for _, t := range d.mute.tables {
		if t != nil {
			names[reportTable] = true
		}
	}
	if err := d.rules.follow(names); err != nil {
		d.log.Error("nobody notices when somebody removes the tables of nftables", "error", err)
	}
}

// repair puts back what somebody removed from our tables. It reports whether
// something was missing.
func (d *NetlinkDevices) repair() bool {
	d.work.Lock()
	defer d.work.Unlock()
	found := false
	for n, t := range d.mute.tables {
		if t == nil {
			continue
		}
		missing, err := t.missing(d.mute.conn, n == 1)
		if err == nil && missing == "" {
			continue
		}
		found = true
		if err == nil {
			err = d.mute.renew(n)
		}
		if err != nil {
			d.log.Error("reports of groups may leave VMACs with the virtual MAC: nftables does not work", "error", err)
			continue
		}
		d.log.Warn("somebody removed what keeps reports of groups from leaving VMACs: it is back", "missing", missing, "repairs", d.repairs.Add(1))
	}
	return found
}

// missing names the first thing that the kernel does not have of a table; empty:
// all is there.
func (t *muteTable) missing(conn *nftables.Conn, ipv6 bool) (string, error) {
	p := tableParts{
		table: t.table,
		rules: map[string]int{chainOut: len(reports(ipv6))},
		sets:  []setParts{{t.set, map[string]string{}}},
	}
	for ifindex, parent := range t.in {
		p.sets[0].keys[string(element(ifindex, parent).Key)] = fmt.Sprintf("interface %d", ifindex)
	}
	return p.missing(conn)
}

// renew makes the table of a family anew.
func (f *reportFilter) renew(n int) error {
	was := f.tables[n]
	f.tables[n] = nil
	err := f.setFamily(n, was.in)
	if err != nil {
		f.tables[n] = was // for the next time
	}
	return err
}
