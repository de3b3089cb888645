package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
	"holdfast/ipvs"
)

// setWords explains what can be set, for both objects.
const setWords = `  weight N      give it this weight (0..65535), whatever the configuration and its
                checks say; 0 keeps its connections and sends it no new ones
  drain [TIME]  weight 0 until its connections have ended, or TIME has passed
                (90, 90s, 5m); then it leaves the table
  disable       take it out of the table at once
  enable        take back what was set

It holds at once, and until the next reload; with --keep also after reloads and
restarts of the daemon, until enable or a reboot. A server whose checks fail
stays out of service whatever is set. holdfast status shows what is set, by whom
and since when.

Exit code: 0 when it is set, 1 when it is not: no daemon runs, the names fit
nothing, the kernel refuses, or the lvs process does not answer, which may set it
later; 3 when the daemon does not answer.`

func newSet() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change the weight of servers, drain, disable or enable them",
		Long: `Set something in the running daemon, without a change of its configuration.

  holdfast set real_server SERVICE SERVER weight N|drain [TIME]|disable|enable
  holdfast set virtual_server SERVICE weight N|drain [TIME]|disable|enable

` + setWords,
	}
	cmd.AddCommand(newSetServer(), newSetService())
	return cmd
}

func newSetServer() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "real_server SERVICE SERVER weight N|drain [TIME]|disable|enable",
		Short: "Change one real server, of one service or of all",
		Long: `Change one real server of a virtual server; SERVICE all means each one that has it.

Names are ADDRESS:PORT, and fwmark:MARK or group:NAME for services that have no
address of their own, with /inet6 and :1 for others of that mark or group; what
only one answers to may be left out: 192.0.2.1 where it has one service. Names as
status, plan, the listings, notify lines or the configuration write them are
understood too.

` + setWords,
		Example: `  holdfast set real_server 192.0.2.1:80 198.51.100.7:80 drain 5m
  holdfast set real_server all 198.51.100.7 disable --keep
  holdfast set real_server fwmark:3 198.51.100.7 weight 5`,
		Args:              cobra.RangeArgs(3, 4),
		ValidArgsFunction: completeSet(2),
	}
	runSet(cmd, func(args []string) lvs.Ask {
		return lvs.Ask{Service: args[0], Server: args[1], Words: args[2:]}
	})
	return cmd
}

func newSetService() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "virtual_server SERVICE weight N|drain [TIME]|disable|enable",
		Short: "Change every real server of a service",
		Long: `Change every real server of a virtual server, those that a reload brings later
included. With drain or disable the sorry server, if there is one, takes the new
connections. What is set for a single server holds beside it: of both the one
that keeps it further away from connections counts.

` + setWords,
		Example: `  holdfast set virtual_server 192.0.2.1:80 drain 10m
  holdfast set virtual_server 192.0.2.1:80 enable`,
		Args:              cobra.RangeArgs(2, 3),
		ValidArgsFunction: completeSet(1),
	}
	runSet(cmd, func(args []string) lvs.Ask {
		return lvs.Ask{Service: args[0], Words: args[1:]}
	})
	return cmd
}

// runSet completes a command that sets what ask makes of its arguments.
func runSet(cmd *cobra.Command, ask func(args []string) lvs.Ask) {
	var socket string
	var asJSON, keep bool
	f := cmd.Flags()
	f.StringVar(&socket, "control", "", "control socket (default $"+controlEnv+" or "+defaultControl+")")
	f.BoolVar(&keep, "keep", false, "keep it when the daemon reloads or restarts")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return negative(err) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a := ask(args)
		a.Keep = keep
		if _, err := lvs.ParseOrder(a.Words); err != nil {
			return err
		}
		var out lvs.Answer
		if err := control.Ask(controlOrDefault(socket), control.Request{Command: "set", Set: &a}, &out); err != nil {
			return err
		}
		w := cmd.OutOrStdout()
		if asJSON {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(out)
		}
		for _, o := range out.Set {
			fmt.Fprint(w, "virtual_server ", o.Service)
			if o.Server != "" {
				fmt.Fprint(w, " real_server ", o.Server)
			}
			fmt.Fprint(w, ": ", o.State)
			if o.Still != "" {
				fmt.Fprintf(w, " (still in force: %s)", o.Still)
			}
			fmt.Fprintln(w)
		}
		return nil
	}
}

// negative says what is wrong with a number below 0, which is taken for a flag.
func negative(err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	word := unknown.GetSpecifiedShortnames()
	if word == "" || word[0] < '0' || word[0] > '9' {
		return err
	}
	return fmt.Errorf("-%s: a weight and a time are not below 0", word)
}

// completeSet completes names that the running daemon knows, and what can be
// set. names is how many arguments are names.
func completeSet(names int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= names {
			if len(args) == names {
				return []string{"weight", "drain", "disable", "enable"}, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		socket, _ := cmd.Flags().GetString("control")
		var st control.Status
		var services control.LVS
		if control.Ask(controlOrDefault(socket), control.Request{Command: "status"}, &st) != nil || json.Unmarshal(st.LVS, &services) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for i := range services.Services {
			s := &services.Services[i]
			if len(args) == 0 {
				out = append(out, s.ShortName)
				continue
			}
			if args[0] != lvs.Every && !strings.HasPrefix(s.ShortName, args[0]) {
				continue
			}
			for _, r := range s.Servers {
				if name := lvs.ServerName(ipvs.DestKey{Addr: r.Addr, Port: r.Port}); !slices.Contains(out, name) {
					out = append(out, name)
				}
			}
		}
		if len(args) == 0 && names == 2 {
			out = append(out, lvs.Every)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}
