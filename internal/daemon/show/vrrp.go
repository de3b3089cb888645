package show

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/notifier"
	"holdfast/vrrp"
)

// renderVRRP prints the virtual routers for people, one block each.
func renderVRRP(w io.Writer, v *control.VRRP) {
	for i := range v.Instances {
		renderInstance(w, &v.Instances[i], v.Time)
	}
	for _, g := range v.Groups {
		fmt.Fprintf(w, "vrrp_sync_group %s: %s (%s)\n", g.Name, g.State, strings.Join(g.Members, ", "))
	}
	for i := range v.Static {
		renderStatic(w, &v.Static[i])
	}
	for _, s := range v.Scripts {
		line := s.State
		if s.Last != "" {
			line += ", last run: " + s.Last
		}
		fmt.Fprintf(w, "vrrp_script %s: %s\n", s.Name, line)
	}
	renderTracked(w, &v.Tracked)
	renderNotify(w, &v.Notify, v.Time)
	for _, p := range v.Ports {
		if p.UnknownVRID+p.Short > 0 {
			fmt.Fprintf(w, "adverts on %s to %s: %d, of these for no VRID of ours (one in 16 is counted): %d, too short: %d\n",
				p.Interface, p.Destination, p.Packets, p.UnknownVRID, p.Short)
		}
	}
	if v.VMACRepairs > 0 {
		fmt.Fprintf(w, "use_vmac: somebody removed the nftables table %s; it was put back\n", count(v.VMACRepairs))
	}
	if v.NoAcceptRepairs > 0 {
		fmt.Fprintf(w, "no_accept: somebody removed the nftables table %s; it was put back\n", count(v.NoAcceptRepairs))
	}
	if v.Lateness.Wakeups > 0 {
		fmt.Fprintf(w, "engine: %d wake-ups, late by %s at 99 %%, by %s at most\n", v.Lateness.Wakeups, seconds(v.Lateness.P99), seconds(v.Lateness.Max))
	}
	if l := v.Lateness; l.Overslept+l.Suspended > 0 {
		fmt.Fprintf(w, "engine: later than the peers wait %s, suspended with the machine %s; %d routers found another master then\n", count(l.Overslept), count(l.Suspended), l.Yielded)
	}
}

// renderNotify prints what went wrong with notify scripts and pipes, and what
// they are about now.
func renderNotify(w io.Writer, n *notifier.Status, now time.Time) {
	s := n.Scripts
	if s.Failed+s.Dropped > 0 || s.Running+s.Waiting > 0 {
		fmt.Fprintf(w, "notify scripts: %d ended, %d of them failed, %d not run, %d running, %d waiting\n", s.Done, s.Failed, s.Dropped, s.Running, s.Waiting)
	}
	for _, l := range s.Long {
		fmt.Fprintf(w, "notify script of %s runs for %s already, %d wait for it: %s\n", l.Target, ago(now, l.Since), l.Waiting, l.Script)
	}
	for _, f := range n.FIFOs {
		if f.Dropped > 0 || f.Waiting > 0 {
			fmt.Fprintf(w, "notify fifo %s: %d lines written, %d lost, %d waiting: is it read?\n", f.Path, f.Written, f.Dropped, f.Waiting)
		}
	}
}

func renderInstance(w io.Writer, in *control.Instance, now time.Time) {
	fmt.Fprintf(w, "vrrp_instance %s: %s", in.Name, in.State)
	if !in.Since.IsZero() {
		fmt.Fprintf(w, " for %s", ago(now, in.Since))
	}
	if in.Reason != "" {
		fmt.Fprintf(w, " (%s)", in.Reason)
	}
	fmt.Fprintln(w)
	field := fieldTo(w)
	field("interface", "%s, VRID %d, version %d, advert_int %s, source %s", in.Interface, in.VRID, in.Version, seconds(in.AdvertInt), orNone(in.Source))
	if in.Device != "" {
		field("vmac", "%s", in.Device)
	}
	for _, f := range in.DeviceFindings {
		field("warning", "%s", f)
	}
	field("priority", "%s", sum(in.Priority))
	if len(in.Faults) > 0 {
		field("faults", "%s", strings.Join(in.Faults, "; "))
	}
	if m := in.Master; m != nil {
		format := "%s, priority %d, heard %s ago, taken for dead after %s"
		switch {
		case m.Priority == 0:
			format = "none: %s has stopped (priority %d), heard %s ago, dead after %s"
		case now.Sub(m.LastHeard) >= time.Duration(in.MasterDown*float64(time.Second)):
			format = "none: %s, priority %d, was heard %s ago, and is taken for dead after %s"
		}
		field("master", format, m.Addr, m.Priority, ago(now, m.LastHeard), seconds(in.MasterDown))
	}
	renderPeers(field, in, now)
	renderPolicy(field, in, now)
	if !in.Agreement {
		field("warning", "the last advert heard lists other addresses than ours")
	}
	for _, v := range in.VIPs {
		field("address", "%s%s", v.Address, remark(v))
	}
	renderObjects(field, in)
	for _, e := range []struct{ name, text string }{{"address", in.ApplyError}, {"interface", in.PortError}, {"send", in.SendError}} {
		if e.text != "" {
			field(e.name+" error", "%s", e.text)
		}
	}
	ignored := ""
	if in.AdvertsIgnored > 0 {
		ignored = fmt.Sprintf(", %d ignored in FAULT or while it started", in.AdvertsIgnored)
	}
	field("adverts", "%d sent, %d accepted, %d not sent%s", in.AdvertsSent, in.AdvertsReceived, in.SendErrors, ignored)
	for _, x := range in.Refused {
		field("dropped", "%d for %s, the last from %s %s ago: such adverts %s", x.Count, x.Reason, x.Source, ago(now, x.Last), vrrp.DropNamed(x.Reason).Text())
	}
	if len(in.Drops) > 0 {
		names := make([]string, 0, len(in.Drops))
		for name, n := range in.Drops {
			names = append(names, fmt.Sprintf("%s %d", name, n))
		}
		slices.Sort(names)
		field("drops", "%s", strings.Join(names, ", "))
	}
}

func remark(v control.VIP) string {
	var s string
	switch {
	case v.Wanted && !v.Present:
		s = " missing"
	case v.Present:
		s = " present"
	}
	if v.Excluded {
		s += " (not advertised)"
	}
	return s
}

// sum is the priority as people write it: 140 = 150, script chk -10 (down).
func sum(p control.Priority) string {
	if len(p.Contributions) == 0 {
		return fmt.Sprint(p.Effective)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d = %d", p.Effective, p.Base)
	for _, c := range p.Contributions {
		state := c.State
		if c.Number != nil {
			state = fmt.Sprint(*c.Number)
		}
		fmt.Fprintf(&b, ", %s %+d (%s)", c.Track, c.Value, state)
	}
	return b.String()
}

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	d := max(now.Sub(then), 0)
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// seconds prints a duration with no more digits than people need.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// count is how often, for people.
func count(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func orNone(a interface {
	IsValid() bool
	String() string
},
) string {
	if !a.IsValid() {
		return "none yet"
	}
	return a.String()
}
