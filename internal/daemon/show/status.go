// Package show prints the daemon's status for people.
package show

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
)

// Status prints the whole status.
func Status(w io.Writer, st *control.Status) error {
	fmt.Fprintf(w, "holdfast %s, pid %d, up %s\n", st.Version, st.PID, time.Since(st.Started).Round(time.Second))
	renderPrograms(w, st)
	fmt.Fprintf(w, "  %-12s %s, loaded %s\n", "config", strings.Join(st.Config.Files, ", "), st.Config.Loaded.Format(time.DateTime))
	if !st.Config.LastReload.IsZero() {
		result := "done"
		if st.Config.ReloadFailure != "" {
			result = "FAILED: " + st.Config.ReloadFailure
		}
		fmt.Fprintf(w, "  %-12s %s: %s\n", "reload", st.Config.LastReload.Format(time.DateTime), result)
	}
	onTrial(w, st.Config.Trial, time.Now())
	if l := st.Config.Lost; l != nil {
		for _, what := range l.What {
			fmt.Fprintf(w, "  %-12s %s, since the trial that was taken back at %s\n", "lost", what, l.At.Format(time.DateTime))
		}
	}
	switch st.StartupScript {
	case "":
	case "running":
		fmt.Fprintf(w, "  %-12s startup_script runs: the other processes are started when it has ended\n", "startup")
	default:
		fmt.Fprintf(w, "  %-12s startup_script: %s\n", "startup", st.StartupScript)
	}
	silents := map[string]bool{} // whose silence is told of already
	for _, p := range st.Processes {
		silent := ""
		if !p.SilentSince.IsZero() {
			silents[p.Role] = true
			silent = fmt.Sprintf(", DOES NOT ANSWER since %s", p.SilentSince.Format(time.DateTime))
		}
		version := ""
		if p.Version != "" {
			version = ", version " + p.Version
		}
		last := ""
		if r := p.Replaced; r != nil {
			last = fmt.Sprintf(" (%s: %s)", r.At.Format(time.DateTime), r.Why)
		}
		fmt.Fprintf(w, "  %-12s pid %d%s, up %s, %s%s%s\n", p.Role, p.PID, version, time.Since(p.Started).Round(time.Second), replaced(p.Restarts), last, silent)
	}
	for _, n := range st.NotRunning {
		silents[n.Role] = true
		fmt.Fprintf(w, "  %-12s is not running: %s%s\n", n.Role, n.Why, again(n.NextTry, time.Now()))
	}
	for _, m := range st.Missing {
		if !silents[m] {
			fmt.Fprintf(w, "  %-12s does not answer\n", m)
		}
	}
	for _, n := range st.Config.NotActive {
		fmt.Fprintf(w, "  %-12s %s\n", "not active", n)
	}
	if st.VRRP != nil {
		var v control.VRRP
		if err := json.Unmarshal(st.VRRP, &v); err != nil {
			return fmt.Errorf("answer of the vrrp process: %w", err)
		}
		fmt.Fprintln(w)
		renderVRRP(w, &v)
	}
	if st.LVS != nil {
		var l control.LVS
		if err := json.Unmarshal(st.LVS, &l); err != nil {
			return fmt.Errorf("answer of the lvs process: %w", err)
		}
		fmt.Fprintln(w)
		renderLVS(w, &l, time.Now())
	}
	return nil
}

// renderPrograms prints which processes run another program than is started now, as
// after an upgrade without a restart.
func renderPrograms(w io.Writer, st *control.Status) {
	changes := map[string][]string{} // processes by what is to be said of them
	var order []string
	note := func(what, process string) {
		if what == "" {
			return
		}
		if changes[what] == nil {
			order = append(order, what)
		}
		changes[what] = append(changes[what], process)
	}
	note(st.Outdated, "parent")
	for _, p := range st.Processes {
		note(p.Outdated, p.Role)
	}
	for _, what := range order {
		fmt.Fprintf(w, "  %-12s %s (%s)\n", "program", what, strings.Join(changes[what], ", "))
	}
}

// onTrial prints the trial that is under way, if one is.
func onTrial(w io.Writer, t *control.Trial, now time.Time) {
	if t == nil {
		return
	}
	text := ""
	switch {
	case t.TakenBack != "":
		text = "is being taken back: " + t.TakenBack
	case t.Until.IsZero():
		text = fmt.Sprintf("the reload is under way, on trial for %v then", t.For)
	default:
		text = fmt.Sprintf("until %s, %v from now: the former configuration comes back when something is lost", t.Until.Format(time.TimeOnly), t.Until.Sub(now).Round(time.Second))
	}
	if t.Waiting > 0 {
		text += "; another reload waits for the end"
	}
	fmt.Fprintf(w, "  %-12s %s\n", "trial", text)
}

// again says when a process is tried again.
func again(next, now time.Time) string {
	switch {
	case next.IsZero():
		return ""
	case next.Before(now):
		return "; tried again now"
	}
	return fmt.Sprintf("; tried again in %d s", int(math.Ceil(next.Sub(now).Seconds())))
}

func replaced(n int) string {
	switch n {
	case 0:
		return "never replaced"
	case 1:
		return "replaced once"
	}
	return fmt.Sprintf("replaced %d times", n)
}
