package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/config/starter"
)

// initFlags are the answers as they are given on the command line.
type initFlags struct {
	iface, vip, peer, routerID string
	servers                    []string
	vrid, port                 int
	second, conf, force        bool
	output                     string
}

func newInit() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration for this machine",
		Long: `Write a first configuration for this machine: commented, checked, one virtual
router, and with --server a virtual server on its address. What is not given is
asked for when standard input is a terminal, and again when an answer is none; the
interface is then the one of the default route unless you say otherwise.

It prints TOML, or with --keepalived a keepalived.conf; --output writes a file, in
the language of its name, and leaves one that exists alone. Addresses are IPv4.`,
		Example: "  holdfast init --vip 192.0.2.10/24 >holdfast.toml\n  holdfast init --vip 192.0.2.10 --peer 192.0.2.2 --second --server 192.0.2.21 --server 192.0.2.22",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runInit(cmd, &f) },
	}
	g := cmd.Flags()
	g.StringVarP(&f.iface, "interface", "i", "", "interface of the adverts and the address (default: that of the default route)")
	completeBy(cmd, "interface", interfaceNames)
	g.StringVar(&f.vip, "vip", "", "virtual address; its prefix length is the interface's unless given")
	g.StringVar(&f.peer, "peer", "", "the other director's address: adverts by unicast (default: multicast)")
	g.StringVar(&f.routerID, "router-id", "", "name of this director (default: the host name)")
	g.IntVar(&f.vrid, "vrid", 51, "virtual router id, the same on both directors and unique on the segment")
	g.BoolVar(&f.second, "second", false, "this is the director that waits: state BACKUP, priority 100")
	g.StringArrayVar(&f.servers, "server", nil, "address of a real server, may be repeated: adds a virtual server in DR mode")
	g.IntVar(&f.port, "port", 80, "port of the virtual server")
	g.BoolVar(&f.conf, "keepalived", false, "write keepalived.conf in place of TOML")
	g.StringVarP(&f.output, "output", "o", "", "file to write (default: standard output)")
	g.BoolVar(&f.force, "force", false, "replace the file if it exists")
	return cmd
}

func runInit(cmd *cobra.Command, f *initFlags) error {
	if f.iface == "" {
		f.iface = defaultInterface()
	}
	if in, ok := cmd.InOrStdin().(*os.File); ok && isTerminal(in) {
		if err := ask(cmd, in, f); err != nil {
			return err
		}
	}
	a, err := f.answers()
	if err != nil {
		return err
	}
	switch isTOML := strings.HasSuffix(f.output, ".toml"); {
	case f.output == "":
	case isTOML && f.conf:
		return fmt.Errorf("%s is the name of a TOML file: leave --keepalived out, or choose another name", f.output)
	case !isTOML && strings.HasSuffix(f.output, ".conf"):
		f.conf = true
	}
	name, text := "holdfast.toml", ""
	if f.conf {
		name = "keepalived.conf"
		text, err = starter.Keepalived(a)
	} else {
		text, err = starter.TOML(a)
	}
	if err != nil {
		return err
	}
	if err := checkText(cmd, name, text); err != nil {
		return err
	}
	if f.output == "" {
		_, err = io.WriteString(cmd.OutOrStdout(), text)
		return err
	}
	return saveFile(f.output, text, f.force)
}

// ask asks for what the flags leave open. Each answer is tried when it is given,
// and asked for again when it is none; what the flags say is tried first.
func ask(cmd *cobra.Command, in io.Reader, f *initFlags) error {
	lines := bufio.NewScanner(in)
	question := func(name, text, def string, take func(answer string) error) error {
		if cmd.Flags().Changed(name) {
			return nil
		}
		if def != "" {
			text += " [" + def + "]"
		}
		for {
			fmt.Fprint(cmd.ErrOrStderr(), text+": ")
			answer := def
			more := lines.Scan()
			if given := strings.TrimSpace(lines.Text()); given != "" {
				answer = given
			}
			err := take(answer)
			if err == nil || !more {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "  %v\n", err)
		}
	}
	// try takes an answer into its place when it fits with the others.
	try := func(to *string, answer string) error {
		was := *to
		*to = answer
		_, err := f.given()
		if err != nil {
			*to = was
		}
		return err
	}
	err := question("interface", "Interface of the address", f.iface, func(answer string) error {
		_, err := ownPrefix(answer)
		f.iface = answer
		return err
	})
	if err == nil {
		_, err = f.given()
	}
	if err == nil {
		err = question("vip", "Virtual address", f.vip, func(answer string) error {
			if answer == "" {
				return errors.New("an address is wanted: the one that the directors share")
			}
			return try(&f.vip, answer)
		})
	}
	if err == nil {
		err = question("peer", "Address of the other director (empty: multicast)", "", func(answer string) error { return try(&f.peer, answer) })
	}
	if err == nil {
		err = question("second", "Is this the director that holds the address while both are well (yes, no)", "yes", func(answer string) error {
			switch strings.ToLower(answer) {
			case "y", "yes":
				f.second = false
			case "n", "no":
				f.second = true
			default:
				return fmt.Errorf("%q is neither yes nor no", answer)
			}
			return nil
		})
	}
	return err
}

// answers turns flags into Answers.
func (f *initFlags) answers() (starter.Answers, error) {
	if f.vip == "" {
		return starter.Answers{}, errors.New("--vip is missing: the address that the directors share")
	}
	return f.given()
}

// given is answers while the virtual address may still be missing.
func (f *initFlags) given() (starter.Answers, error) {
	a := starter.Answers{RouterID: f.routerID, Interface: f.iface, VRID: f.vrid, First: !f.second, Port: f.port}
	if a.RouterID == "" {
		host, _ := os.Hostname()
		a.RouterID, _, _ = strings.Cut(host, ".")
	}
	if a.RouterID == "" {
		a.RouterID = "director"
	}
	own, err := ownPrefix(f.iface)
	if err != nil {
		return a, err
	}
	a.Source = own.Addr()
	if f.vip == "" {
		a.VIP = netip.PrefixFrom(netip.IPv4Unspecified(), 32) // any, to try the rest
	} else if !strings.Contains(f.vip, "/") {
		vip, err := netip.ParseAddr(f.vip)
		if err != nil {
			return a, fmt.Errorf("--vip: %w", err)
		}
		bits := vip.BitLen()
		if own.Contains(vip) {
			bits = own.Bits()
		}
		a.VIP = netip.PrefixFrom(vip, bits)
	} else if a.VIP, err = netip.ParsePrefix(f.vip); err != nil {
		return a, fmt.Errorf("--vip: %w", err)
	}
	if a.VIP.Addr() == a.Source {
		return a, fmt.Errorf("--vip: %v is this machine's own address on %s: the virtual address is another one", a.Source, f.iface)
	}
	if f.peer != "" {
		if a.Peer, err = netip.ParseAddr(f.peer); err != nil {
			return a, fmt.Errorf("--peer: %w", err)
		}
	}
	for _, s := range f.servers {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return a, fmt.Errorf("--server: %w", err)
		}
		a.Servers = append(a.Servers, addr)
	}
	return a, a.Check()
}

// checkText checks the text as check would, and hands errors on.
func checkText(cmd *cobra.Command, name, text string) error {
	opts := load.Options{Files: func(string) ([]byte, error) { return []byte(text), nil }, Interfaces: load.SystemInterfaces}
	_, diags := load.Load(name, opts)
	for _, d := range diags {
		fmt.Fprintln(cmd.ErrOrStderr(), d)
	}
	if config.HasErrors(diags) {
		return errors.New("what was asked for makes no valid configuration")
	}
	return nil
}

// defaultInterface is the interface of the default route; empty: there is none.
func defaultInterface() string {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return ""
	}
	for _, r := range routes {
		if r.Dst != nil && !r.Dst.IP.IsUnspecified() {
			continue
		}
		if l, err := net.InterfaceByIndex(r.LinkIndex); err == nil {
			return l.Name
		}
	}
	return ""
}

// ownPrefix is this machine's first IPv4 address on an interface.
func ownPrefix(name string) (netip.Prefix, error) {
	if name == "" {
		return netip.Prefix{}, errors.New("--interface is missing, and there is no default route to take it from")
	}
	l, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("interface %s: not found", name)
	}
	addrs, err := l.Addrs()
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("interface %s: %w", name, err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("interface %s has no IPv4 address: adverts need one", name)
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
