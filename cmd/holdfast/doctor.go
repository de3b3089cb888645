package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config/load"
	"holdfast/internal/daemon/control"
	"holdfast/internal/doctor"
	"holdfast/internal/host"
)

func newDoctor() *cobra.Command {
	var file, id, socket, role, state string
	var vips []string
	var listen time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong on this director or real server, and the command that mends it",
		Long: `Look at this host as a director, a real server or both, with its configuration
where there is one, and say what is wrong: modules, forwarding, ARP and
rp_filter settings, the MTU of tunnels, connection tracking, rules of nftables
and iptables that drop adverts, bridges that snoop on multicast, virtual
addresses on the wrong device, routers heard with the same virtual_router_id, the
clock. Each finding says what comes of it, and the command that mends it. Nothing
is changed and nothing is sent.

A director is a host with a configuration, a running daemon or services in its
IPVS table; a real server one with virtual addresses on lo, a dummy or a tunnel.

Exit code: 0 nothing is wrong, 1 warnings, 2 errors.`,
		Example: "  holdfast doctor\n  holdfast doctor --role realserver --vip 192.0.2.10\n  holdfast doctor --listen 0 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := doctor.Options{State: state, Listen: listen}
			switch role {
			case "auto":
			case "director":
				o.Director = true
			case "realserver":
				o.RealServer = true
			case "both":
				o.Director, o.RealServer = true, true
			default:
				return fmt.Errorf("--role %s: auto, director, realserver or both is wanted", role)
			}
			if listen < 0 || listen > time.Hour {
				return fmt.Errorf("--listen %v: a time up to an hour is wanted", listen)
			}
			var err error
			if o.VIPs, err = addresses(vips); err != nil {
				return err
			}
			var all []host.Finding
			asked := controlOrDefault(socket)
			var st control.Status
			answers := control.Ask(asked, control.Request{Command: "status"}, &st) == nil
			if o.Daemon = answers; answers {
				o.Running = func() *control.VRRP {
					v, err := vrrpStatus(asked)
					if err != nil {
						return nil
					}
					return v
				}
			}
			path, from := configOrDefault(file), ""
			if file == "" && len(st.Config.Files) > 0 {
				path, from = st.Config.Files[0], ", which the daemon has read"
				o.Loaded = true
			}
			with := "no configuration: there is no " + path
			if _, err := os.Stat(path); err == nil || file != "" {
				with = "the configuration " + path + from
				c, diags := load.Load(path, load.Options{ConfigID: id, NoKeyFiles: true})
				o.Config = c
				if c == nil {
					all = append(all, host.Finding{
						ID: "config", Severity: host.Error, What: fmt.Sprintf("%s has errors, %d lines of findings", path, len(diags)),
						Why: "the daemon does not start with it, and this host is looked at without it", Mend: []string{"holdfast check " + path},
					})
				}
			}
			s, err := doctor.Gather(cmd.Context(), o)
			if err != nil {
				return err
			}
			all = append(all, doctor.Examine(s)...)
			slices.SortStableFunc(all, func(a, b host.Finding) int { return int(b.Severity) - int(a.Severity) })
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), all)
			} else {
				fmt.Fprintf(cmd.ErrOrStderr(), "looked at as %s, with %s\n", seenAs(s), with)
				err = showFindings(cmd.OutOrStdout(), all, "")
			}
			if err == nil && len(all) > 0 && all[0].Severity > host.Info {
				err = exitError{int(all[0].Severity)}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", fmt.Sprintf("configuration (default: the one that the daemon has read; %s, or %s when only that exists)", defaultConfig, compatConfig))
	configIDFlag(f, &id)
	controlFlag(f, &socket)
	stateFlag(f, &state)
	f.StringVar(&role, "role", "auto", "what this host is: auto, director, realserver or both")
	f.StringArrayVar(&vips, "vip", nil, "an address that this host serves as a real server, may be repeated")
	f.DurationVar(&listen, "listen", 3500*time.Millisecond, "how long to listen for adverts of others; 0: not at all")
	f.BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	complete(cmd, "role", "auto", "director", "realserver", "both")
	return cmd
}

// seenAs says what a host was taken for.
func seenAs(s *doctor.Snapshot) string {
	served := make([]string, len(s.Served))
	for i, v := range s.Served {
		served[i] = v.Addr.String()
	}
	as := "a real server for " + strings.Join(served, ", ")
	switch {
	case s.Director && s.RealServer:
		return "a director, and " + as
	case s.Director:
		return "a director"
	case s.RealServer:
		return as
	}
	return "neither a director nor a real server: --role says what it is to be"
}
