package explain

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Render prints the explanation for people.
func (x *Explanation) Render(w io.Writer) {
	fmt.Fprintf(w, "vrrp_instance %s: %s", x.Instance, x.State)
	if !x.Since.IsZero() {
		fmt.Fprintf(w, " for %v", x.Time.Sub(x.Since).Round(time.Second))
	}
	if x.Reason != "" {
		fmt.Fprintf(w, " (%s)", x.Reason)
	}
	fmt.Fprintf(w, "\n\nwho would win now: %s\n  %s\n", x.Winner, x.Why)
	for _, n := range x.Next {
		fmt.Fprintf(w, "  %s\n", n)
	}
	fmt.Fprintf(w, "\npriority %d\n  %-32s %+4d\n", x.Priority.Effective, "priority", x.Priority.Base)
	sum := int(x.Priority.Base)
	for _, c := range x.Priority.Contributions {
		what := c.Track + " (" + c.State + ")"
		if c.Number != nil {
			what = fmt.Sprintf("%s (%d)", c.Track, *c.Number)
		}
		sum += c.Value
		switch {
		case c.Weight == 0:
			fmt.Fprintf(w, "  %-32s    0  no weight: failing is a FAULT\n", what)
		case c.Value == 0:
			fmt.Fprintf(w, "  %-32s    0  of %+d\n", what, c.Weight)
		default:
			fmt.Fprintf(w, "  %-32s %+4d\n", what, c.Value)
		}
	}
	if sum != int(x.Priority.Effective) {
		fmt.Fprintf(w, "  %-32s %+4d\n", "kept within 1 to 254", int(x.Priority.Effective)-sum)
	}
	if x.State == "MASTER" && x.Priority.Advertised != x.Priority.Effective {
		fmt.Fprintf(w, "  advertised as %d (sticky_master)\n", x.Priority.Advertised)
	}
	fmt.Fprintf(w, "\nwho was heard, the strongest first\n")
	for _, c := range x.Contenders {
		name := c.Addr.String()
		if !c.Addr.IsValid() {
			name = "no address yet"
		}
		line := fmt.Sprintf("  %-16s priority %3d", name, c.Priority)
		switch {
		case c.Self && c.Able:
			line += "  this router"
		case c.Self:
			line += "  this router, cannot be master"
		case c.Able:
			line += fmt.Sprintf("  heard %v ago", x.ago(c.LastHeard))
		case c.Priority == 0:
			line += fmt.Sprintf("  last heard %v ago: it has stopped", x.ago(c.LastHeard))
		case x.State == "MASTER":
			line += fmt.Sprintf("  last heard %v ago: silent since, a backup or gone", x.ago(c.LastHeard))
		default:
			line += fmt.Sprintf("  last heard %v ago: silent, taken for dead", x.Time.Sub(c.LastHeard).Round(time.Second))
		}
		fmt.Fprintln(w, line)
	}
	for _, u := range x.Unheard {
		fmt.Fprintf(w, "  %-16s not understood: its adverts are dropped (%s), the last one %v ago\n", u.Addr, u.Reason, x.ago(u.Last))
	}
	if len(x.Contenders)+len(x.Unheard) == 1 {
		fmt.Fprintln(w, "  nobody else: a backup says nothing")
	}
	if len(x.Lints) == 0 {
		return
	}
	fmt.Fprintf(w, "\nworth a look\n")
	for _, l := range x.Lints {
		fmt.Fprintf(w, "  %s: %s\n", l.ID, strings.TrimSpace(l.Text))
	}
}
