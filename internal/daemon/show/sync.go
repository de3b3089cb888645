package show

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"holdfast/internal/daemon/lvs"
)

// renderSync prints the daemons of connection sync and what is known of their
// work.
func renderSync(w io.Writer, st *lvs.Status, now time.Time) {
	for _, d := range st.Daemons {
		fmt.Fprintf(w, "sync daemon %s on %s, id %d", d.Role, d.Interface, d.ID)
		if d.Group.IsValid() {
			fmt.Fprintf(w, ", group %s", netip.AddrPortFrom(d.Group, d.Port))
		}
		if d.Threads > 1 {
			fmt.Fprintf(w, ", %d threads", d.Threads)
		}
		if d.Waiting > 0 {
			fmt.Fprintf(w, ", %d bytes waiting", d.Waiting)
		}
		if d.Dropped > 0 {
			fmt.Fprintf(w, ", %d datagrams DROPPED", d.Dropped)
		}
		fmt.Fprintln(w)
	}
	s := st.Sync
	if s == nil {
		return
	}
	if s.Problem != "" {
		roles := ""
		if len(s.Roles) > 0 {
			roles = strings.Join(s.Roles, " and ") + " "
		}
		fmt.Fprintf(w, "lvs_sync_daemon %son %s does not work", roles, s.Interface)
		if !s.Since.IsZero() {
			fmt.Fprintf(w, " for %s", ago(now, s.Since))
		}
		fmt.Fprintf(w, ": %s\n", strings.ReplaceAll(s.Problem, "\n", "; "))
	}
	if c := s.Connections; c != nil {
		fmt.Fprintf(w, "connections and templates: %d made here, %d learned from another director", c.Own, c.Synced)
		if c.Partial {
			fmt.Fprint(w, ", and more")
		}
		fmt.Fprintln(w)
	}
	if s.BackupOnly {
		fmt.Fprintln(w, "backup_only was 1 and is cleared while this director forwards")
	}
	if s.Renewed > 0 {
		fmt.Fprintf(w, "sync daemons replaced because their interface or address had changed: %d\n", s.Renewed)
	}
}
