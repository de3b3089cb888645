package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/daemon/explain"
)

// complete gives a flag the words that shells complete it with.
func complete(cmd *cobra.Command, flag string, words ...string) {
	completeBy(cmd, flag, func() []string { return words })
}

// completeBy is complete with words that are looked up when they are wanted.
func completeBy(cmd *cobra.Command, flag string, words func() []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words(), cobra.ShellCompDirectiveNoFileComp
	}); err != nil {
		panic(err) // no such flag, or twice
	}
}

// fileFlags are the flags whose value is a file.
var fileFlags = []string{"file", "output", "control", "read", "state"}

// noFiles keeps shells from proposing files where none can stand: for commands
// without arguments, and for flags of another kind.
func noFiles(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		noFiles(c)
	}
	if cmd.Args != nil && cmd.ValidArgsFunction == nil && cmd.Args(cmd, []string{"x"}) != nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, given := cmd.GetFlagCompletionFunc(f.Name); !given && f.NoOptDefVal == "" && !slices.Contains(fileFlags, f.Name) {
			complete(cmd, f.Name)
		}
	})
}

// completeInstance completes the virtual routers of the running daemon.
func completeInstance(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	socket, _ := cmd.Flags().GetString("control")
	v, err := vrrpStatus(controlOrDefault(socket))
	if err != nil || v == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return explain.Names(v), cobra.ShellCompDirectiveNoFileComp
}

// completeKeyword completes the keywords of the configuration.
func completeKeyword(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, block := range config.Blocks() {
		for _, k := range config.Keywords(block) {
			if !k.Word && strings.HasPrefix(k.Name, begun) && !slices.Contains(args, k.Name) {
				out = append(out, k.Name)
			}
		}
	}
	for _, d := range config.Directives {
		if strings.HasPrefix(d.Name, begun) {
			out = append(out, d.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), cobra.ShellCompDirectiveNoFileComp
}

// interfaceNames are the interfaces of this machine.
func interfaceNames() []string { return slices.Sorted(maps.Keys(load.SystemInterfaces())) }
