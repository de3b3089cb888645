package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/plan"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/show"
)

func newReload() *cobra.Command {
	var socket string
	var asJSON, quiet, wait bool
	var rollback time.Duration
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the running daemon read its configuration anew, and say how that went",
		Long: `Have the running daemon read its configuration anew, as SIGHUP does, wait until
that is over, and print the findings about the file. It is over when the processes
have the new configuration, and one that it started works or has said why it cannot.
While another reload is on trial, this one begins when that is over. What the
kernel refuses of the new configuration is said, and the kernel is asked again.

A configuration with errors is refused whole: the running one stays in force.
With --rollback the new one is on trial for a time: when a virtual router that
was master is not any more, a backup and its master do not understand each other
any more, or a service loses its quorum, the former one is put into force again.
The file is not changed. What a trial lost that was taken back,
and has not come back since, has to come back in the next one, unless a reload
without --rollback came between.

Exit code: 0 when the new configuration is in force (with --wait=false: when the
reload has begun, or waits), 1 when no daemon runs, 2 when it was not begun,
refused, not taken over by every process (one died of it, or could not be started:
that is said, with the reason), or rolled back, 3 when the daemon does not answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rollback < 0 || rollback > control.MaxRollback || rollback > 0 && !wait {
				return fmt.Errorf("--rollback %v: a time up to %v is wanted, and to wait", rollback, control.MaxRollback)
			}
			socket := controlOrDefault(socket)
			ask := control.Request{Command: "reload", NoWait: !wait, Rollback: rollback}
			var err error
			var held plan.Held
			if held, ask.Patience, err = announce(cmd.ErrOrStderr(), socket, ask, quiet); err != nil {
				return err
			}
			var r control.Reload
			if err := control.Ask(socket, ask, &r); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case asJSON:
				if r.Diagnostics == nil {
					r.Diagnostics = []config.Diagnostic{}
				}
				if err := printJSON(out, r); err != nil {
					return err
				}
			case !quiet || r.Failure != "":
				if err := printDiagnostics(cmd, r.Diagnostics, false); err != nil {
					return err
				}
			}
			if r.Failure != "" {
				if !asJSON {
					fmt.Fprintln(cmd.ErrOrStderr(), "reload:", r.Failure)
					if r.Outcome == control.ReloadIncomplete && !quiet {
						fmt.Fprintln(cmd.ErrOrStderr(), "reload: for the rest the new configuration is in force; holdfast status shows what becomes of that")
					}
				}
				return exitError{2}
			}
			if !asJSON && !quiet {
				fmt.Fprintln(out, reloadOutcome(r.Outcome))
			}
			if r.Outcome == control.ReloadDone && !quiet {
				tellAfter(cmd.ErrOrStderr(), socket, held, rollback > 0)
			}
			return nil
		},
	}
	f := cmd.Flags()
	controlFlag(f, &socket)
	f.BoolVar(&asJSON, "json", false, "print the outcome and the findings as JSON")
	f.BoolVarP(&quiet, "quiet", "q", false, "print nothing when it succeeds")
	f.DurationVar(&rollback, "rollback", 0, "go back to the former configuration when a virtual router loses mastership or a service its quorum within this time, for example 30s")
	f.BoolVar(&wait, "wait", true, "wait until the reload is over; false: the log and holdfast status tell")
	return cmd
}

func reloadOutcome(outcome string) string {
	switch outcome {
	case control.ReloadBegun:
		return "begun"
	case control.ReloadWaits:
		return "begins when the reload that is under way is over"
	}
	return "reloaded"
}

// tellAfter says what of held is lost already: a reload follows the file, and is done
// also when that gives addresses up. So it is when the kernel refuses a part of what
// the file asks for, which is said too. After a trial nothing is said of held, which
// the trial has watched.
func tellAfter(w io.Writer, socket string, held plan.Held, tried bool) {
	var now control.Status
	if control.Ask(socket, control.Request{Command: "status"}, &now) != nil {
		return
	}
	var lvs control.LVS
	if len(now.LVS) > 0 && json.Unmarshal(now.LVS, &lvs) == nil && lvs.Busy == nil {
		refused := lvs.Kernel.Error
		if s := lvs.Sync; s != nil && s.Problem != "" {
			fmt.Fprintf(w, "reload: lvs_sync_daemon does not work: %s\n", s.Problem)
			if refused == s.Problem {
				refused = ""
			}
		}
		if refused != "" {
			fmt.Fprintf(w, "reload: the kernel refuses a part, and is asked again: %s\n", strings.ReplaceAll(refused, "\n", "; "))
		}
	}
	if tried {
		return
	}
	for _, l := range held.Lost(&now) {
		fmt.Fprintf(w, "reload: %s; holdfast reload --rollback 30s would have taken that back\n", l.Text)
	}
}

// announce says what is worth knowing before the answer comes: that the reload
// waits for one that is on trial, and for how long, which is returned; what a
// trial watches, and what it has to bring back. It returns what is held. An error
// means that the daemon is there and does not answer.
func announce(w io.Writer, socket string, ask control.Request, quiet bool) (held plan.Held, patience time.Duration, err error) {
	var st control.Status
	if ask.NoWait {
		return held, 0, nil
	}
	if err := control.Ask(socket, control.Request{Command: "status"}, &st); err != nil {
		var silent *control.Silent
		if errors.As(err, &silent) {
			return held, 0, err
		}
		return held, 0, nil // a daemon that is busy may reload nevertheless
	}
	held = plan.Hold(&st)
	say := func(format string, args ...any) {
		if !quiet {
			fmt.Fprintf(w, "reload: "+format+"\n", args...)
		}
	}
	if t := st.Config.Trial; t != nil && ask.Rollback == 0 {
		if t.Until.IsZero() {
			say("waits for one that is under way and then on trial for %v", t.For)
			return held, t.For, nil
		}
		patience = max(time.Until(t.Until), 0)
		say("waits for the one on trial until %s, %v from now; it begins then even when this command is interrupted", t.Until.Format(time.TimeOnly), patience.Round(time.Second))
		return held, patience, nil
	}
	if ask.Rollback == 0 || st.Config.Trial != nil {
		return held, 0, nil
	}
	watched, unknown := watches(&st, held)
	say("on trial for %v: watched are %s", ask.Rollback, watched)
	for _, what := range unknown {
		say("%s", what)
	}
	if l := st.Config.Lost; l != nil {
		for _, what := range l.What {
			say("%s, since the trial that was taken back at %s: this one has to bring it back (a reload without --rollback ends that)", what, l.At.Format(time.TimeOnly))
		}
	}
	return held, 0, nil
}

// watches says what a trial that begins with this status watches, and what not, as
// nobody knows how it is.
func watches(st *control.Status, held plan.Held) (watched string, unknown []string) {
	not := func(why, what string) {
		unknown = append(unknown, fmt.Sprintf("%s: %s are not watched, as how they are is not known", why, what))
	}
	if why := plan.Absent(st, role.VRRP); why != "" {
		not(why, "virtual routers")
	} else {
		watched = count(held.Masters(), "master") + ", " + count(plan.Understand(st).Backups(), "backup")
	}
	busy := show.Busy(st, time.Now())
	switch why := plan.Absent(st, role.LVS); {
	case why != "":
		not(why, "services")
	case busy != "":
		not(busy, "services")
	case watched == "":
		watched = count(held.Services(), "service")
	default:
		watched += ", " + count(held.Services(), "service")
	}
	if watched != "" {
		watched += " and "
	}
	return watched + "the processes", unknown
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
