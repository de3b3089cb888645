package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/internal/ipvstable"
	"holdfast/ipvs"
	"holdfast/ipvs/rules"
)

func newIPVS() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ipvs",
		Short: "List, save and restore the kernel's IPVS table, with or without the daemon",
		Long: `List, save and restore the kernel's IPVS table, as ipvsadm does, and without
what ipvsadm loses: thresholds, timeouts and connection-sync daemons are saved
and come back. No daemon is needed. The services of one that runs are marked in
lists and left alone by restore.`,
	}
	cmd.AddCommand(newIPVSList(), newIPVSStats(), newIPVSSave(), newIPVSRestore(), newIPVSZero())
	return cmd
}

// serviceFlags are those that name services, as ipvsadm has them.
type serviceFlags struct {
	tcp, udp, sctp, fwmark string
	ipv6                   bool
}

func (f *serviceFlags) add(set *pflag.FlagSet) {
	set.StringVarP(&f.tcp, "tcp-service", "t", "", "only the TCP service at this address:port")
	set.StringVarP(&f.udp, "udp-service", "u", "", "only the UDP service at this address:port")
	set.StringVar(&f.sctp, "sctp-service", "", "only the SCTP service at this address:port")
	set.StringVarP(&f.fwmark, "fwmark-service", "f", "", "only the service of this firewall mark")
	set.BoolVarP(&f.ipv6, "ipv6", "6", false, "the firewall mark's service is an IPv6 one")
}

// key is the service that was asked for; none is no error.
func (f *serviceFlags) key() ([]ipvs.ServiceKey, error) {
	var words []string
	for _, o := range []struct{ name, value string }{
		{"--tcp-service", f.tcp}, {"--udp-service", f.udp}, {"--sctp-service", f.sctp}, {"--fwmark-service", f.fwmark},
	} {
		if o.value != "" {
			words = append(words, o.name, o.value)
		}
	}
	if f.ipv6 {
		words = append(words, "--ipv6")
	}
	if len(words) == 0 {
		return nil, nil
	}
	k, err := rules.Service(words, systemNames)
	return []ipvs.ServiceKey{k}, err
}

// systemNames looks up names as this machine does.
var systemNames = rules.Names{
	Host: func(name string) (netip.Addr, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		all, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
		if err != nil {
			all, err = net.DefaultResolver.LookupNetIP(ctx, "ip6", name)
		}
		if err != nil {
			return netip.Addr{}, err
		}
		return all[0].Unmap(), nil
	},
	Port: func(network, name string) (uint16, error) {
		p, err := net.LookupPort(network, name)
		return uint16(p), err
	},
}

func newIPVSList() *cobra.Command {
	var only serviceFlags
	var socket string
	var asJSON, conns bool
	var watch time.Duration
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show services and real servers, or the connections",
		Long: `Show the services in the kernel with their real servers, thresholds, tunnels and
connections, the connection-sync daemons and the timeouts, in ipvsadm's columns.
Services that a running holdfast keeps as configured are marked.

With --connections: the table of connections, and of each whether this director
saw it begin (LOCAL) or was told of it by connection sync (SYNC).`,
		Example: "  holdfast ipvs list\n  holdfast ipvs list --watch=1s -t 192.0.2.10:80\n  holdfast ipvs list --connections",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := only.key()
			if err != nil {
				return err
			}
			return watched(cmd, watch, func(out io.Writer) error {
				if conns {
					return listConnections(out, keys, asJSON)
				}
				return withKernel(func(k ipvs.Kernel) error {
					kept, err := keptBy(controlOrDefault(socket))
					if err != nil {
						fmt.Fprintf(cmd.ErrOrStderr(), "list: what the running holdfast keeps is not marked: %v\n", err)
					}
					l, err := ipvstable.List(k, kept.Service, keys)
					if err != nil {
						return err
					}
					if asJSON {
						return printJSON(out, l)
					}
					return l.Render(out)
				})
			})
		},
	}
	f := cmd.Flags()
	only.add(f)
	controlFlag(f, &socket)
	watchFlag(f, &watch)
	f.BoolVar(&asJSON, "json", false, "print JSON; connections one object a line")
	f.BoolVarP(&conns, "connections", "c", false, "the connections in place of the services")
	return cmd
}

func newIPVSStats() *cobra.Command {
	var only serviceFlags
	var asJSON bool
	var watch time.Duration
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show what was counted: connections, packets, bytes, and rates",
		Long: `Show the 64-bit counters of services and real servers, whole numbers, and rates a
second. The kernel sums the counters up every two seconds: the last moments are
not in them. At once the rates are the kernel's estimates, which take some ten
seconds to follow a change; with --watch they are what was counted since the last
look.`,
		Example: "  holdfast ipvs stats\n  holdfast ipvs stats --watch=5s",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := only.key()
			if err != nil {
				return err
			}
			var before *ipvstable.Listing
			var then time.Time
			none := func(ipvs.ServiceKey) bool { return false }
			return watched(cmd, watch, func(out io.Writer) error {
				return withKernel(func(k ipvs.Kernel) error {
					l, err := ipvstable.List(k, none, keys)
					if err != nil {
						return err
					}
					now := time.Now()
					if before != nil {
						l.Since(before, now.Sub(then))
					}
					before, then = l, now
					if asJSON {
						return printJSON(out, l)
					}
					return l.RenderStats(out)
				})
			})
		},
	}
	f := cmd.Flags()
	only.add(f)
	watchFlag(f, &watch)
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newIPVSZero() *cobra.Command {
	var only serviceFlags
	cmd := &cobra.Command{
		Use:   "zero",
		Short: "Set the counters of one service, or of all, to 0",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			keys, err := only.key()
			if err != nil {
				return err
			}
			return withKernel(func(k ipvs.Kernel) error {
				err := k.Zero(append(keys, ipvs.ServiceKey{})[0])
				if len(keys) > 0 && errors.Is(err, syscall.ESRCH) {
					return fmt.Errorf("there is no service %s", rules.ServiceName(keys[0]))
				}
				return err
			})
		},
	}
	only.add(cmd.Flags())
	return cmd
}

func watchFlag(f *pflag.FlagSet, watch *time.Duration) {
	f.DurationVar(watch, "watch", 0, "show it again and again, with this pause, until interrupted")
	f.Lookup("watch").NoOptDefVal = "2s"
}

// withKernel opens the kernel's IPVS for f.
func withKernel(f func(ipvs.Kernel) error) error {
	k, err := ipvs.Open()
	if err != nil {
		return err
	}
	defer k.Close()
	return f(k)
}

// watched runs f once, or with a pause between until interrupted; a terminal
// is cleared before each time.
func watched(cmd *cobra.Command, pause time.Duration, f func(io.Writer) error) error {
	out := cmd.OutOrStdout()
	if pause <= 0 {
		return f(out)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	clearScreen := false
	if o, ok := out.(*os.File); ok {
		clearScreen = isTerminal(o)
	}
	for first := true; ; first = false {
		switch {
		case clearScreen:
			fmt.Fprint(out, "\x1b[H\x1b[2J")
		case !first:
			fmt.Fprintln(out)
		}
		if err := f(out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}
