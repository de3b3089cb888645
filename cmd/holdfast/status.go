package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/show"
)

func newStatus() *cobra.Command {
	var socket string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who is master and why, addresses, services and real servers",
		Long: `Show the state of the running daemon: every virtual router with its state, since
when and why, its priority with each contribution, its addresses, the peers last
heard and the adverts not accepted by reason; every service with its real
servers, their health and connections.

Exit code: 0 when the daemon answered, 1 when none runs, 3 when it, or one of its
processes, did not answer or does not run. A process that is busy with a reload
says so, and what it said last.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var st control.Status
			if err := control.Ask(controlOrDefault(socket), control.Request{Command: "status"}, &st); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				if err := printJSON(out, st); err != nil {
					return err
				}
			} else if err := show.Status(out, &st); err != nil {
				return fmt.Errorf("status: %w", err)
			}
			if len(st.Missing) > 0 {
				return exitError{exitSilent}
			}
			return nil
		},
	}
	controlFlag(cmd.Flags(), &socket)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
