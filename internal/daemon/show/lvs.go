package show

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
)

// Busy says what keeps the lvs process from telling how it is now, and for how long;
// empty: nothing.
func Busy(st *control.Status, now time.Time) string {
	var l struct {
		Busy *control.Busy `json:"busy"`
	}
	if len(st.LVS) == 0 || json.Unmarshal(st.LVS, &l) != nil || l.Busy == nil {
		return ""
	}
	return busy(l.Busy, now)
}

func busy(b *control.Busy, now time.Time) string {
	return fmt.Sprintf("lvs is busy with %s for %s", b.With, ago(now, b.Since))
}

// renderLVS prints the services for people, one block each.
func renderLVS(w io.Writer, st *control.LVS, now time.Time) {
	if b := st.Busy; b != nil {
		fmt.Fprint(w, busy(b, now))
		if b.AsOf.IsZero() {
			fmt.Fprintln(w, ": how its services are it says afterwards")
			return
		}
		fmt.Fprintf(w, ": what follows was so at %s, %s ago\n\n", b.AsOf.Format(time.DateTime), ago(now, b.AsOf))
	}
	for i := range st.Services {
		renderService(w, &st.Services[i], now)
	}
	renderSync(w, &st.Status, now)
	for _, f := range st.Foreign {
		fmt.Fprintf(w, "virtual_server %s: in the kernel, but neither configured nor ours; left alone\n", f)
	}
	if st.Kernel.Error != "" {
		fmt.Fprintf(w, "IPVS error for %s: %s\n", ago(now, st.Kernel.Since), st.Kernel.Error)
	}
	if st.Kernel.Repairs > 0 {
		fmt.Fprintf(w, "IPVS entries changed by others and repaired: %d\n", st.Kernel.Repairs)
	}
	renderProfile(w, st.Kernel.Profile)
	renderNotify(w, &st.Notify, now)
}

func renderService(w io.Writer, s *lvs.ServiceStatus, now time.Time) {
	fmt.Fprintf(w, "virtual_server %s: %s for %s", s.Name, upDown(s.Up), ago(now, s.Since))
	switch { // what the name does not say
	case len(s.Members) > 0 && s.Protocol != "":
		fmt.Fprintf(w, ", %s", strings.ToUpper(s.Protocol))
	case s.FWMark != 0 && s.Family == 6:
		fmt.Fprint(w, ", IPv6")
	}
	fmt.Fprintf(w, ", %s", s.Scheduler)
	if s.Persistent > 0 {
		fmt.Fprintf(w, ", persistent %d s", s.Persistent)
	}
	switch {
	case s.Installed && !s.Wanted:
		fmt.Fprint(w, ", in the kernel but not wanted there")
	case !s.Installed && s.Wanted:
		fmt.Fprint(w, ", MISSING in the kernel")
	case !s.Installed:
		fmt.Fprintf(w, ", not installed while no master: %s", strings.Join(s.Follows, ", "))
	}
	fmt.Fprintf(w, "\n  %-12s weight %d of live servers, quorum %d", "pool", s.Weight, s.Quorum)
	if s.Sorry {
		fmt.Fprintf(w, ", sorry server %s in service", s.SorryName)
	}
	fmt.Fprintln(w)
	renderOrders(w, "  ", s.Orders, now)
	renderMembers(w, s.Members)
	for i := range s.Servers {
		renderServer(w, &s.Servers[i], now)
	}
	for i := range s.Others {
		renderServer(w, &s.Others[i], now)
	}
}

// renderMembers counts the services of a group and names the first one that is
// not as it should be.
func renderMembers(w io.Writer, list []lvs.MemberStatus) {
	if len(list) == 0 {
		return
	}
	installed, wanted, wrong := 0, 0, ""
	for _, m := range list {
		if m.Installed {
			installed++
		}
		if m.Wanted {
			wanted++
		}
		if m.Installed != m.Wanted && wrong == "" {
			wrong = m.Name
		}
	}
	fmt.Fprintf(w, "  %-12s %d, %d wanted now, %d in the kernel", "services", len(list), wanted, installed)
	if wrong != "" {
		fmt.Fprintf(w, ", not as wanted: %s", wrong)
	}
	fmt.Fprintln(w)
}

func renderServer(w io.Writer, r *lvs.ServerStatus, now time.Time) {
	fmt.Fprintf(w, "  %-12s [%s]:%d %s", "real_server", r.Addr, r.Port, r.Method)
	if r.Tunnel != "" {
		fmt.Fprint(w, " ", r.Tunnel)
	}
	fmt.Fprint(w, " ", strings.ToUpper(r.State))
	if !r.Since.IsZero() {
		fmt.Fprintf(w, " for %s", ago(now, r.Since))
	}
	if r.Ramp > 0 {
		fmt.Fprintf(w, ", slow start at %d %%", r.Ramp)
	}
	if r.InKernel {
		fmt.Fprintf(w, ", weight %d, %d active, %d inactive connections", r.Kernel, r.Active, r.Inactive)
	} else {
		fmt.Fprint(w, ", not in the kernel's table")
	}
	fmt.Fprintln(w)
	renderOrders(w, "    ", r.Orders, now)
	for _, c := range r.Checks {
		fmt.Fprintf(w, "    %-16s %s: %s", c.Kind, c.Target, c.State)
		if !c.Last.IsZero() {
			fmt.Fprintf(w, ", looked %s ago in %s", ago(now, c.Last), c.Latency.Round(10*time.Microsecond))
		}
		if c.Text != "" {
			fmt.Fprintf(w, " (%s)", c.Text)
		}
		fmt.Fprintln(w)
	}
}

func upDown(up bool) string {
	if up {
		return "UP"
	}
	return "DOWN"
}

// renderOrders prints what is asked of servers beside their checks.
func renderOrders(w io.Writer, indent string, list []lvs.OrderStatus, now time.Time) {
	for _, o := range list {
		fmt.Fprintf(w, "%s%-*s %s", indent, 18-len(indent), o.From, o.Order)
		if o.By != nil {
			fmt.Fprintf(w, " by %s %s ago", o.By, ago(now, o.At))
		}
		if o.File != "" {
			fmt.Fprintf(w, " by %s", o.File)
		}
		if !o.Deadline.IsZero() && o.Order == "drain" {
			fmt.Fprintf(w, ", until %s at the latest", o.Deadline.Local().Format("15:04:05"))
		}
		switch {
		case o.By != nil && o.Keep:
			fmt.Fprint(w, ", kept over reloads")
		case o.By != nil:
			fmt.Fprint(w, ", until the next reload")
		}
		fmt.Fprintln(w)
	}
}

// renderProfile shows the settings that lvs_profile asks for.
func renderProfile(w io.Writer, list []lvs.ProfileStatus) {
	if len(list) == 0 {
		return
	}
	fmt.Fprint(w, "lvs_profile:")
	for _, s := range list {
		fmt.Fprintf(w, " %s=%s", s.Name, s.Value)
		switch {
		case s.Error != "":
			fmt.Fprintf(w, " (FAILED: %s)", s.Error)
		case s.Missing:
			fmt.Fprint(w, " (not in this kernel, left out)")
		case s.Before != s.Value:
			fmt.Fprintf(w, " (was %s)", s.Before)
		}
	}
	fmt.Fprintln(w)
}
