package main

import (
	"fmt"
	"runtime"
	"strings"

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
	noStrangers(root)
	return root
}

// noStrangers has commands that only group others refuse what is none of theirs: a
// caller must not take the help for success.
func noStrangers(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		noStrangers(c)
		if !c.HasSubCommands() || c.Runnable() {
			continue
		}
		var names []string
		for _, sub := range c.Commands() {
			names = append(names, sub.Name())
		}
		c.Args = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return fmt.Errorf("unknown command %q for %q: one of %s is wanted", args[0], cmd.CommandPath(), strings.Join(names, ", "))
		}
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
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
