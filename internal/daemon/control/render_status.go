package control

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Render prints a status for people.
func Render(w io.Writer, st *Status) error {
	fmt.Fprintf(w, "holdfast %s, pid %d, up %s\n", st.Version, st.PID, time.Since(st.Started).Round(time.Second))
	fmt.Fprintf(w, "  %-12s %s, loaded %s\n", "config", strings.Join(st.Config.Files, ", "), st.Config.Loaded.Format(time.DateTime))
	if st.Config.ReloadFailure != "" {
		fmt.Fprintf(w, "  %-12s %s: %s\n", "reload", st.Config.LastReload.Format(time.DateTime), st.Config.ReloadFailure)
	}
	for _, p := range st.Processes {
		fmt.Fprintf(w, "  %-12s pid %d, up %s, replaced %d times\n", p.Role, p.PID, time.Since(p.Started).Round(time.Second), p.Restarts)
	}
	for _, m := range st.Missing {
		fmt.Fprintf(w, "  %-12s does not answer\n", m)
	}
	for _, n := range st.Config.NotActive {
		fmt.Fprintf(w, "  %-12s %s\n", "not active", n)
	}
	if st.VRRP != nil {
		var v VRRP
		if err := json.Unmarshal(st.VRRP, &v); err != nil {
			return fmt.Errorf("answer of the vrrp process: %w", err)
		}
		fmt.Fprintln(w)
		RenderVRRP(w, &v)
	}
	return nil
}
