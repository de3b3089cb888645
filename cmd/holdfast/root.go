package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "0.1.0-dev"

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Virtual IP addresses and IPVS tables that survive the death of a director",
		Long: `holdfast makes two or more Linux directors hold a virtual IP address in front
of a pool of servers: VRRP elects the master, IPVS balances the load, health
checks keep dead servers out. It reads keepalived.conf as it is, and TOML with
the same keywords. Called by the name keepalived it takes keepalived's command
line.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newRun(), newStatus(), newExplain(), newReload(), newPlan(),
		newCheck(), newConvert(), newFmt(), newInit(), newSchema(), newKeywords(),
		newIPVS(), newRealServer(), newDoctor(),
		newSet(),
		newSync(),
		newDemo(), newVersion(),
	)
	noFiles(root)
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "holdfast %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
