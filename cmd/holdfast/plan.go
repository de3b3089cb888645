package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/config/diff"
	"holdfast/internal/config/load"
	"holdfast/internal/daemon"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/plan"
	"holdfast/internal/daemon/role"
)

func newPlan() *cobra.Command {
	var socket string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan [FILE]",
		Short: "Show what a reload would do to the running daemon",
		Long: `Show what a reload with FILE would do to the running daemon: virtual routers,
addresses, services, real servers and checks that are added, removed or changed,
keyword by keyword, and whether a master would move, also because of an interface
that is missing or down. Nothing is changed. Without FILE: the one that the daemon
would read.

Exit code: 0 done, 1 when no daemon runs, 2 when FILE has errors and would be
refused, 3 when the daemon does not answer.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(100)
			}
			// Two configurations are compared, and little is left over of either but
			// themselves: somebody waits for the answer.
			role.CollectLate(planMemory)
			socket := controlOrDefault(socket)
			var in control.InForce
			if err := control.Ask(socket, control.Request{Command: "config"}, &in); err != nil {
				return err
			}
			// Both are decoded at the same time: either takes a while when it is large.
			var old *config.Config
			decoded := make(chan error, 1)
			go func() {
				var err error
				old, err = role.Decode(in.Encoded)
				decoded <- err
			}()
			file := in.File
			if len(args) > 0 {
				file = args[0]
			}
			cur, diags := load.Load(file, load.Options{ConfigID: in.ConfigID, Interfaces: load.SystemInterfaces, Users: true})
			if err := <-decoded; err != nil {
				return err
			}
			diags = append(diags, unusable(file, cur)...)
			if cur != nil {
				if err := daemon.Refused(old, cur); err != nil {
					diags = append(diags, config.Diagnostic{Pos: config.Pos{File: file}, Severity: config.Error, ID: "not-by-reload", Text: err.Error()})
				}
			}
			if refused := slices.ContainsFunc(diags, config.Diagnostic.RefusesReload); cur == nil || refused {
				if err := printDiagnostics(cmd, diags, asJSON); err != nil {
					return err
				}
				fmt.Fprintln(cmd.ErrOrStderr(), "plan: a reload would refuse this file, and the running configuration would stay")
				return exitError{2}
			}
			vrrp, err := vrrpStatus(socket)
			if err != nil {
				return err
			}
			if !asJSON { // what reload would say about the file
				for _, d := range diags {
					if d.Severity != config.Info {
						fmt.Fprintln(cmd.ErrOrStderr(), d)
					}
				}
			}
			p := plan.Make(old, cur, vrrp, links(), in.Services)
			if asJSON {
				return printJSON(cmd.OutOrStdout(), p)
			}
			return writePlan(cmd.OutOrStdout(), &p)
		},
	}
	f := cmd.Flags()
	controlFlag(f, &socket)
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// planMemory is how much a plan may take before garbage is collected.
const planMemory = 160 << 20

// vrrpStatus is what the vrrp process says; nil when it does not run.
func vrrpStatus(socket string) (*control.VRRP, error) {
	var st control.Status
	if err := control.Ask(socket, control.Request{Command: "status"}, &st); err != nil {
		return nil, err
	}
	if len(st.VRRP) == 0 || string(st.VRRP) == "null" {
		return nil, nil
	}
	v := &control.VRRP{}
	if err := json.Unmarshal(st.VRRP, v); err != nil {
		return nil, errors.New("the status of the vrrp process is not understood: is the daemon of another version?")
	}
	return v, nil
}

// links are the interfaces of this network namespace; nil when they cannot be read.
func links() plan.Links {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	out := plan.Links{}
	for _, i := range list {
		out[i.Name] = i.Flags&(net.FlagUp|net.FlagRunning) == net.FlagUp|net.FlagRunning
	}
	return out
}

// writePlan writes a plan for a reader.
func writePlan(w io.Writer, p *plan.Plan) error {
	var b strings.Builder
	writeItems(&b, p.Items, "")
	if p.Empty() {
		b.WriteString("a reload changes nothing\n")
	}
	var kept []string
	for _, block := range slices.Sorted(maps.Keys(p.Kept)) {
		if block != "global_defs" {
			kept = append(kept, fmt.Sprintf("%d %s", p.Kept[block], block))
		}
	}
	if len(kept) > 0 && !p.Empty() {
		fmt.Fprintf(&b, "as they are: %s\n", strings.Join(kept, ", "))
	}
	if len(p.Routers) > 0 {
		b.WriteString("\n")
	}
	for _, r := range p.Routers {
		state := ""
		if r.State != "" {
			state = " (" + r.State + " here)"
		}
		fmt.Fprintf(&b, "%s%s: %s\n", r.Name, state, r.Text)
	}
	if !p.Empty() {
		b.WriteString(verdict(p) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verdict says what becomes of mastership, the worst first.
func verdict(p *plan.Plan) string {
	some := func(outcome string) bool {
		return slices.ContainsFunc(p.Routers, func(r plan.Router) bool { return r.Outcome == outcome })
	}
	var all, lost []string
	for _, r := range p.Routers {
		if r.Outcome == plan.Faults && r.State == "MASTER" {
			lost = append(lost, r.Name)
		}
	}
	if lost != nil {
		all = append(all, "THIS DIRECTOR LOSES THE ADDRESSES of "+strings.Join(lost, ", "))
	}
	if some(plan.Splits) {
		all = append(all, "TWO DIRECTORS WILL BE MASTER until the others are reloaded too")
	}
	switch {
	case p.Moves:
		all = append(all, "mastership moves")
	case some(plan.MayLose):
		all = append(all, "mastership may move")
	}
	if len(all) > 0 {
		return strings.Join(all, "; ")
	}
	return "no master moves for what changes here; what is tracked is not tried out (reload --rollback does)"
}

func writeItems(b *strings.Builder, items []diff.Item, indent string) {
	sign := map[diff.Change]string{diff.Added: "+", diff.Removed: "-", diff.Changed: "~"}
	for _, it := range items {
		fmt.Fprintf(b, "%s%s %s\n", indent, sign[it.Change], strings.TrimSpace(it.Block+" "+it.Name))
		for _, f := range it.Fields {
			fmt.Fprintf(b, "%s    %s: %s -> %s\n", indent, f.Keyword, orNone(f.Old), orNone(f.New))
		}
		writeItems(b, it.Items, indent+"    ")
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
