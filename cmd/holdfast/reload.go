package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
)

func newReload() *cobra.Command {
	var socket string
	var asJSON, quiet, wait bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the running daemon read its configuration anew, and say how that went",
		Long: `Have the running daemon read its configuration anew, as SIGHUP does, wait until
that is over, and print the findings about the file.

A configuration with errors is refused whole: the running one stays in force.

Exit code: 0 when the new configuration is in force, 1 when no daemon answers,
2 when it was refused or not taken over by every process.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r control.Reload
			if err := control.Ask(controlOrDefault(socket), control.Request{Command: "reload", NoWait: !wait}, &r); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case asJSON:
				if r.Diagnostics == nil {
					r.Diagnostics = []config.Diagnostic{}
				}
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				if err := enc.Encode(r); err != nil {
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
	f.StringVar(&socket, "control", "", "control socket (default $"+controlEnv+" or "+defaultControl+")")
	f.BoolVar(&asJSON, "json", false, "print the outcome and the findings as JSON")
	f.BoolVarP(&quiet, "quiet", "q", false, "print nothing when it succeeds")
	f.BoolVar(&wait, "wait", true, "wait until the reload is over; false: the log and holdfast status tell")
	return cmd
}
