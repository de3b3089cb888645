package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/host"
	"holdfast/internal/realserver"
)

// realServerState is where realserver remembers what it changed.
const realServerState = runDir + "/realserver.json"

func newRealServer() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "realserver",
		Short: "Set this host up as a real server of a director that uses direct routing or tunnels",
		Long: `Set this host up as a real server of a director that forwards by direct routing
or through a tunnel: what scripts named lvs_rs.sh do. The virtual address comes to
an interface that nobody asks for addresses, and ARP is told to be silent about it
before it is there. No daemon stays; what was changed is remembered in
/run/holdfast/realserver.json and undone exactly.

A real server behind NAT needs none of this: only its default route through the
director.`,
	}
	cmd.AddCommand(newRealServerUp(), newRealServerDown(), newRealServerStatus())
	return cmd
}

// specFlags are those that say how packets for an address come.
func specFlags(cmd *cobra.Command, s *realserver.Spec) {
	f := cmd.Flags()
	f.StringVar(&s.Device, "device", "", "interface of the address, made as a dummy if it is missing (default lo, or the tunnel's)")
	f.StringVar(&s.Tunnel, "tunnel", "", "the director forwards through a tunnel (lb_kind TUN): ipip, gue or gre (default: direct routing)")
	f.Uint16Var(&s.Port, "tunnel-port", 0, fmt.Sprintf("UDP port of a gue tunnel (default %d)", realserver.DefaultPort))
	f.StringArrayVarP(&s.Interfaces, "interface", "i", nil, "silence ARP on this interface, may be repeated (default: on all)")
	complete(cmd, "tunnel", "ipip", "gue", "gre")
}

func stateFlag(f *pflag.FlagSet, path *string) {
	f.StringVar(path, "state", realServerState, "file that remembers what was changed")
}

func newRealServerUp() *cobra.Command {
	var spec realserver.Spec
	var state string
	var check bool
	cmd := &cobra.Command{
		Use:   "up VIP...",
		Short: "Take virtual addresses",
		Long: `Take virtual addresses, so that packets that the director forwards are served:
ARP is silenced first, the tunnel's device is there and lets packets in, and then
the address comes, with prefix length 32 or 128, for IPv6 without looking for
others that have it. What is so already stays as it is, and a second time changes
nothing.

With --check nothing is done: what is wrong is printed with the command that mends
it.

Exit code: 0 done, or nothing is wrong; 1 otherwise.`,
		Example:           "  holdfast realserver up 192.0.2.10 192.0.2.11\n  holdfast realserver up --tunnel ipip 192.0.2.10\n  holdfast realserver up --check 192.0.2.10",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			vips, err := addresses(args)
			if err != nil {
				return err
			}
			if spec.Tunnel == "gue" && spec.Port == 0 {
				spec.Port = realserver.DefaultPort
			}
			if check {
				return checkRealServer(cmd.OutOrStdout(), vips, func(netip.Addr, *host.Snapshot) realserver.Spec { return spec })
			}
			return withRealServer(state, func(st *realserver.Store) error {
				for _, a := range vips {
					did, err := realserver.Up(st, system(cmd), a, spec)
					for _, i := range did {
						fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", a, i.Command())
					}
					if err != nil {
						return fmt.Errorf("up %s: %w", a, err)
					}
				}
				return nil
			})
		},
	}
	specFlags(cmd, &spec)
	f := cmd.Flags()
	stateFlag(f, &state)
	f.BoolVar(&check, "check", false, "do nothing; say what is wrong and how to mend it")
	return cmd
}

func newRealServerDown() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:   "down [VIP...]",
		Short: "Give virtual addresses up, and undo what they needed",
		Long: `Give virtual addresses up, all of them without VIP, and undo what up did for them
and for no other: settings have their former values again. What was so before up
stays, and so does a setting that somebody else has changed since.

Exit code: 0 done, 1 when something could not be undone; it is tried again next
time.`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			vips, err := addresses(args)
			if err != nil {
				return err
			}
			return withRealServer(state, func(st *realserver.Store) error {
				if len(vips) == 0 {
					for _, v := range st.VIPs {
						vips = append(vips, v.Addr)
					}
				}
				var errs []error
				for _, a := range vips {
					if _, ok := st.Spec(a); !ok {
						errs = append(errs, fmt.Errorf("down %s: it was not taken by holdfast realserver up", a))
						continue
					}
					undid, err := realserver.Down(st, system(cmd), a)
					for _, i := range undid {
						if i.Kind != realserver.Module {
							fmt.Fprintf(cmd.OutOrStdout(), "%s: undone: %s\n", a, i.Command())
						}
					}
					if err != nil {
						errs = append(errs, fmt.Errorf("down %s: %w", a, err))
					}
				}
				return errors.Join(errs...)
			})
		},
	}
	stateFlag(cmd.Flags(), &state)
	return cmd
}

// realServerVIP is one address in the status.
type realServerVIP struct {
	Address  netip.Addr     `json:"address"`
	How      string         `json:"how"`
	Ours     bool           `json:"holdfast"` // taken by up
	On       []string       `json:"interfaces"`
	Findings []host.Finding `json:"findings"`
}

func newRealServerStatus() *cobra.Command {
	var spec realserver.Spec
	var state string
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:   "status [VIP...]",
		Short: "Show virtual addresses and what is wrong with them",
		Long: `Show the virtual addresses of this host, without VIP those that up has taken: on
which interface each is, and what is wrong with the command that mends it. An
address that was set up by hand is judged by where it is, or by the options.

With --check only what is wrong is printed.

Exit code: 0 when nothing is wrong, 1 otherwise.`,
		Example:           "  holdfast realserver status\n  holdfast realserver status --check 192.0.2.10",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			vips, err := addresses(args)
			if err != nil {
				return err
			}
			st, err := realserver.Read(state)
			if err != nil {
				return err
			}
			if len(vips) == 0 {
				for _, v := range st.VIPs {
					vips = append(vips, v.Addr)
				}
			}
			if spec.Tunnel == "gue" && spec.Port == 0 {
				spec.Port = realserver.DefaultPort
			}
			specOf := func(a netip.Addr, h *host.Snapshot) realserver.Spec {
				if s, ok := st.Spec(a); ok {
					return s
				}
				if s, ok := realserver.Detect(h, a); ok && spec.String() == (realserver.Spec{}).String() {
					return s
				}
				return spec
			}
			if check {
				return checkRealServer(cmd.OutOrStdout(), vips, specOf)
			}
			h, err := host.Gather()
			if err != nil {
				return err
			}
			wrong := false
			list := []realServerVIP{}
			for _, a := range vips {
				s := specOf(a, h)
				v := realServerVIP{Address: a, How: s.String(), On: []string{}, Findings: []host.Finding{}}
				_, v.Ours = st.Spec(a)
				for _, x := range h.On(a) {
					v.On = append(v.On, x.Device)
				}
				all, err := realserver.Check(h, a, s)
				if err != nil {
					return err
				}
				v.Findings = append(v.Findings, all...)
				wrong = wrong || len(all) > 0
				list = append(list, v)
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), list)
			} else {
				err = showRealServer(cmd.OutOrStdout(), list)
			}
			if err == nil && wrong {
				err = exitError{1}
			}
			return err
		},
	}
	specFlags(cmd, &spec)
	f := cmd.Flags()
	stateFlag(f, &state)
	f.BoolVar(&check, "check", false, "print only what is wrong")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func showRealServer(w io.Writer, list []realServerVIP) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "holdfast realserver has taken no virtual address here; one that was set up by hand is looked at by its name")
		return err
	}
	for _, v := range list {
		by := "by hand"
		if v.Ours {
			by = "by holdfast"
		}
		where := "on no interface"
		if len(v.On) > 0 {
			where = "on " + strings.Join(v.On, ", ")
		}
		if _, err := fmt.Fprintf(w, "%s: %s (%s), set up %s\n", v.Address, where, v.How, by); err != nil {
			return err
		}
		if err := showFindings(w, v.Findings, "  "); err != nil {
			return err
		}
	}
	return nil
}

// showFindings prints each finding with why it matters and what mends it.
func showFindings(w io.Writer, all []host.Finding, indent string) error {
	for _, f := range all {
		_, err := fmt.Fprintf(w, "%s%s: %s: %s\n%s    %s\n", indent, f.Severity, f.ID, f.What, indent, f.Why)
		for _, c := range f.Mend {
			if err == nil {
				_, err = fmt.Fprintf(w, "%s    # %s\n", indent, c)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkRealServer prints what is wrong with addresses, and ends with 1 if
// anything is.
func checkRealServer(w io.Writer, vips []netip.Addr, spec func(netip.Addr, *host.Snapshot) realserver.Spec) error {
	h, err := host.Gather()
	if err != nil {
		return err
	}
	wrong := false
	for _, a := range vips {
		all, err := realserver.Check(h, a, spec(a, h))
		if err != nil {
			return err
		}
		wrong = wrong || len(all) > 0
		if err := showFindings(w, all, ""); err != nil {
			return err
		}
	}
	if wrong {
		return exitError{1}
	}
	return nil
}

func withRealServer(state string, f func(*realserver.Store) error) error {
	abs, err := filepath.Abs(state)
	if err != nil {
		return err
	}
	st, err := realserver.Open(abs)
	if err != nil {
		return err
	}
	defer st.Close()
	return f(st)
}

// system is this host; notes go to stderr.
func system(cmd *cobra.Command) realserver.System {
	return realserver.System{Note: func(format string, args ...any) {
		fmt.Fprintf(cmd.ErrOrStderr(), "realserver: "+format+"\n", args...)
	}}
}

// addresses reads VIPs; a prefix length of the whole address may follow.
func addresses(args []string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, s := range args {
		a, err := netip.ParseAddr(s)
		if p, perr := netip.ParsePrefix(s); err != nil && perr == nil && p.IsSingleIP() {
			a, err = p.Addr(), nil
		}
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("%q: a virtual address is wanted", s)
		}
		all = append(all, a.Unmap())
	}
	return all, nil
}
