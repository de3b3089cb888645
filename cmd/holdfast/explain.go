package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/explain"
)

func newExplain() *cobra.Command {
	var socket string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [INSTANCE]",
		Short: "Say who would be master now and why, and what will not work as it seems to",
		Long: `Explain one vrrp_instance of the running daemon: who would win an election now
and why, when this router takes over, every contribution to its priority,
everyone who was heard, and what in the configuration or on the segment will not
do what it seems to: weights that cannot change the winner, equal priorities, a
VRID used twice, two owners, lists of addresses or intervals that differ,
keywords without effect, a second master, one that has the addresses by another
VRID.

VRRP has no word of a backup: a peer that was never master while this daemon ran
is not known. A router whose adverts are dropped is named with the reason.

Without INSTANCE: list the names of the instances.

Exit code: 0 when the daemon answered, 3 when it runs and does not, 1 otherwise.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeInstance,
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := vrrpStatus(controlOrDefault(socket))
			if err != nil {
				return err
			}
			if v == nil {
				return errors.New("explain: the vrrp process does not answer")
			}
			if len(args) == 0 {
				return listInstances(cmd.OutOrStdout(), v, asJSON)
			}
			x, err := explain.Instance(v, args[0])
			if err != nil {
				return fmt.Errorf("explain: %w", err)
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), x)
			}
			x.Render(cmd.OutOrStdout())
			return nil
		},
	}
	controlFlag(cmd.Flags(), &socket)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// listInstances prints the names that can be explained, one a line, or as JSON.
func listInstances(w io.Writer, v *control.VRRP, asJSON bool) error {
	names := explain.Names(v)
	if asJSON {
		return json.NewEncoder(w).Encode(names)
	}
	for _, n := range names {
		fmt.Fprintln(w, n)
	}
	return nil
}
