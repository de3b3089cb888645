package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"holdfast/internal/ipvstable"
	"holdfast/ipvs"
	"holdfast/ipvs/rules"
)

func newIPVSSave() *cobra.Command {
	var output string
	var force bool
	cmd := &cobra.Command{
		Use:   "save",
		Short: "Write the table as a rule file that restore and ipvsadm-restore read",
		Long: `Write the kernel's IPVS table as a rule file of ipvsadm, numbers for names. All of
it is there: thresholds, timeouts and connection-sync daemons too, which
ipvsadm -S leaves out, in commands that ipvsadm-restore reads.`,
		Example: "  holdfast ipvs save >/etc/ipvsadm.rules\n  holdfast ipvs save -o /etc/sysconfig/ipvsadm --force",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withKernel(func(k ipvs.Kernel) error {
				r, err := ipvstable.Read(k)
				if err != nil {
					return err
				}
				if output != "" {
					return saveFile(output, rules.Write(r), force)
				}
				_, err = io.WriteString(cmd.OutOrStdout(), rules.Write(r))
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&output, "output", "o", "", "file to write (default: standard output)")
	f.BoolVar(&force, "force", false, "replace the file if it exists")
	return cmd
}

func newIPVSRestore() *cobra.Command {
	var socket string
	var dry, add, force bool
	cmd := &cobra.Command{
		Use:   "restore [FILE]",
		Short: "Bring the table to the state of a rule file, touching only what differs",
		Long: `Read a rule file of ipvsadm, from FILE or standard input, and bring the kernel to
that state: as ipvsadm -S or holdfast ipvs save wrote it, or written by hand.

The file is read whole first, and one with errors changes nothing. What is
already as the file says is not touched: connections go on, which they do not
when ipvsadm-restore clears the table. The difference is one batch, additions
before deletions. Services that are not in the file are deleted; with --add the
file's commands are done on top of what there is. Timeouts and connection-sync
daemons stay as they are unless the file says something of them. A file that says
nothing of services changes nothing and is an error, unless there is no service in
the table: write -C in it if all are to go.

What a running holdfast keeps is left as it is, with a warning, as it would change
that back: its services, with lvs_sync_daemon the connection-sync daemons and with
lvs_timeouts the timeouts. When there is one that does not say what it keeps,
nothing is changed. --force includes all of it, and asks nobody.

Exit code: 0 done, 1 when something failed, 2 for a file with errors; with
--dry-run 1 when there is something to do.`,
		Example: "  holdfast ipvs restore --dry-run /etc/ipvsadm.rules\n  holdfast ipvs restore </etc/sysconfig/ipvsadm",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, in := "standard input", cmd.InOrStdin()
			if len(args) > 0 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				name, in = args[0], f
			}
			text, err := io.ReadAll(io.LimitReader(in, maxFormat+1))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if len(text) > maxFormat {
				return fmt.Errorf("%s: larger than %d MiB", name, maxFormat>>20)
			}
			var kept ipvstable.Kept
			if !force {
				if kept, err = keptBy(controlOrDefault(socket)); err != nil {
					return fmt.Errorf("restore: nothing was changed, as what the running holdfast keeps is not known (--force changes it too): %w", err)
				}
			}
			return withKernel(func(k ipvs.Kernel) error {
				have, err := ipvstable.Read(k)
				if err != nil {
					return err
				}
				var start rules.Rules
				if add {
					start = have
				}
				want, errs := rules.Read(string(text), start, systemNames)
				for _, e := range errs {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s:%d: %s\n", name, e.Line, e.Text)
				}
				if len(errs) > 0 {
					fmt.Fprintln(cmd.ErrOrStderr(), "restore: nothing was changed")
					return exitError{2}
				}
				c := ipvstable.Diff(have, want, kept)
				if !add && len(c.Ops) > 0 && rules.Blank(string(text)) {
					fmt.Fprintf(cmd.ErrOrStderr(), "restore: nothing was changed: %s says nothing of services, and the table is not empty (services: %d); a line -C deletes them\n", name, len(have.Table))
					return exitError{2}
				}
				for _, what := range c.Left {
					fmt.Fprintf(cmd.ErrOrStderr(), "restore: %s kept by the running holdfast and left alone: change its configuration, or use --force\n", what)
				}
				if dry {
					if _, err := io.WriteString(cmd.OutOrStdout(), c.String()); err != nil || c.Empty() {
						return err
					}
					return exitError{1}
				}
				if err := c.Apply(k); err != nil {
					return fmt.Errorf("restore: the kernel refused a part, and the rest is done: %w", err)
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	controlFlag(f, &socket)
	f.BoolVar(&dry, "dry-run", false, "say what would be done, and do nothing")
	f.BoolVar(&add, "add", false, "do the commands on top of the table that is there")
	f.BoolVar(&force, "force", false, "change what a running holdfast keeps too")
	return cmd
}

// listConnections prints the kernel's connections, those of some services or
// all.
func listConnections(out io.Writer, keys []ipvs.ServiceKey, asJSON bool) error {
	if len(keys) > 0 && keys[0].FWMark != 0 {
		return errors.New("list: the kernel does not say which connections belong to a firewall mark")
	}
	f, err := os.Open("/proc/net/ip_vs_conn_sync")
	if errors.Is(err, os.ErrNotExist) {
		return ipvs.ErrNoIPVS
	}
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	if !asJSON {
		if _, err := w.WriteString(ipvstable.ConnectionsHeader); err != nil {
			return err
		}
	}
	for c, err := range ipvs.ParseConnections(f) {
		if err != nil {
			return err
		}
		if len(keys) > 0 && !c.Of(keys[0]) {
			continue
		}
		if asJSON {
			err = enc.Encode(c)
		} else {
			err = ipvstable.RenderConnection(w, &c)
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}
