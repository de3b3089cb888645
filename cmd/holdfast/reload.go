package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
)

func newReload() *cobra.Command {
	var socket string
	var asJSON, quiet, wait bool
	var rollback time.Duration
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the running daemon read its configuration anew, and say how that went",
		Long: `Have the running daemon read its configuration anew, as SIGHUP does, wait until
that is over, and print the findings about the file.

A configuration with errors is refused whole: the running one stays in force.
With --rollback the new one is on trial for a time: when a virtual router that
was master is not any more, or a service loses its quorum, the former one is put
into force again. The file is not changed.

Exit code: 0 when the new configuration is in force, 1 when no daemon answers,
2 when it was refused, not taken over by every process, or rolled back.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rollback < 0 || rollback > control.MaxRollback || rollback > 0 && !wait {
				return fmt.Errorf("--rollback %v: a time up to %v is wanted, and to wait", rollback, control.MaxRollback)
			}
			var r control.Reload
			if err := control.Ask(controlOrDefault(socket), control.Request{Command: "reload", NoWait: !wait, Rollback: rollback}, &r); err != nil {
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
				}
				return exitError{2}
			}
			if !asJSON && !quiet && wait {
				fmt.Fprintln(out, "reloaded")
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
