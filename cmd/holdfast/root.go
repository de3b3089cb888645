package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	sayForm(root)
	return root
}

// sayForm has commands that are given too few or too many arguments say which one
// is too many, what they take, and what may have been meant.
func sayForm(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		sayForm(c)
		takes := c.Args
		if c.HasSubCommands() || takes == nil {
			continue
		}
		c.Args = func(cmd *cobra.Command, args []string) error {
			if takes(cmd, args) == nil {
				return nil
			}
			what := "an argument is missing"
			for n := len(args) - 1; n >= 0; n-- {
				if takes(cmd, args[:n]) == nil {
					what = fmt.Sprintf("%q is one argument too many%s", args[n], meant(cmd, args[n]))
					break
				}
			}
			return fmt.Errorf("%s: %s (it is called as: %s)", strings.TrimPrefix(cmd.CommandPath(), "holdfast "), what, cmd.UseLine())
		}
	}
}

// meant is what an argument too many may have been meant for: the value of an
// option that was given without one, as it can be, or the configuration.
func meant(cmd *cobra.Command, arg string) (hint string) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		without := f.NoOptDefVal != "" && f.Value.String() == f.NoOptDefVal && f.Value.Type() != "bool"
		if without && f.Value.Set(arg) == nil { // which nobody reads any more
			hint = fmt.Sprintf(": a value of --%s follows an equals sign, as in --%s=%s", f.Name, f.Name, arg)
		}
	})
	if hint == "" && cmd.Flags().Lookup("file") != nil {
		hint = ": the configuration is named by --file"
	}
	return hint
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
