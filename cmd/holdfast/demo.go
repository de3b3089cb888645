package main

import (
	"github.com/spf13/cobra"

	"holdfast/integration/demo"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Watch two directors, IPVS and two web servers survive the death of the master",
		Long: `Make a lab of network namespaces on this machine (a client, two directors, two
nginx real servers), send requests without a pause, kill the master, bring it
back, kill a real server, and print what happened when. Ends by itself in less
than two minutes, removes everything it made, and exits non-zero if anything
was not as it should be. What depends on time is not judged where this machine
stood still meanwhile; the demo says so. Needs root. On a kernel without IPVS it runs itself in
Debian's user-mode Linux.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			prog, err := program()
			if err != nil {
				return err
			}
			if code := demo.Main(cmd.Context(), prog, cmd.OutOrStdout()); code != 0 {
				return exitError{code}
			}
			return nil
		},
	}
}
