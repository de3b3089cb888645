package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/capture"
	"holdfast/internal/syncdump"
	"holdfast/ipvs"
	"holdfast/ipvs/sync"
)

func newSync() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Look into IPVS connection synchronisation",
	}
	cmd.AddCommand(newSyncDump())
	return cmd
}

// syncDump is what the command was asked for.
type syncDump struct {
	iface, file           string
	group                 string
	port                  uint16
	ports                 int
	client, virtual, dest string
	sender                string
	filter                syncdump.Filter
	asJSON, count         bool
	limit                 int
	period                time.Duration
}

func newSyncDump() *cobra.Command {
	var d syncDump
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Print the connections that directors tell each other of",
		Long: `Print every entry of the connection-sync stream: which connection or persistence
template, its state, time-out, forwarding method, sequence data and persistence
engine. It decodes versions 0 and 1, IPv4 and IPv6, as the kernel's receiver
does, and counts what a receiver would drop.

Live it joins the multicast group on an interface and sees what passes there, in
both directions; that needs root or CAP_NET_RAW. Without -i it takes interface,
group and ports from the sync daemons that run in the kernel. With -r it reads a
capture file (pcap or pcapng, - is the standard input).

ADDR is an address, a prefix, address:port or :port. The counts are of all that
was seen, whatever the filter shows, and come at the end.

Exit code: 0, or 1 after an error.`,
		Example: `  holdfast sync dump                              # until interrupted
  holdfast sync dump -i eth1 --count --for 10s    # how much is sent, by whom
  holdfast sync dump -r sync.pcap --virtual 192.0.2.100:80 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return d.run(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&d.iface, "interface", "i", "", "listen on this `interface`")
	completeBy(cmd, "interface", interfaceNames)
	f.StringVarP(&d.file, "read", "r", "", "read this capture `file`")
	f.StringVar(&d.group, "group", "", "multicast group (default: that of the running daemons, or 224.0.0.81; from a file: any)")
	f.Uint16Var(&d.port, "port", 0, "first UDP port (default: that of the running daemons, or 8848)")
	f.IntVar(&d.ports, "ports", 64, "how many ports from there on (sync_ports)")
	f.StringVar(&d.client, "client", "", "only entries with this client `ADDR`")
	f.StringVar(&d.virtual, "virtual", "", "only entries with this virtual `ADDR`")
	f.StringVar(&d.dest, "dest", "", "only entries with this real server `ADDR`")
	f.StringVar(&d.filter.Protocol, "protocol", "", "only tcp, udp or sctp")
	f.StringVar(&d.filter.State, "state", "", "only this state, such as ESTABLISHED")
	f.StringVar(&d.filter.Kind, "kind", "", "only `connection` or template")
	f.IntVar(&d.filter.SyncID, "id", -1, "only messages with this sync ID")
	f.StringVar(&d.sender, "sender", "", "only messages from this director's `address`")
	complete(cmd, "protocol", "tcp", "udp", "sctp")
	complete(cmd, "kind", "connection", "template")
	complete(cmd, "state", sync.StateNames()...)
	f.BoolVar(&d.asJSON, "json", false, "print a JSON object a line; the counts come last, as {\"summary\": …}")
	f.BoolVar(&d.count, "count", false, "print only the counts")
	f.IntVar(&d.limit, "limit", 0, "end after so many entries")
	f.DurationVar(&d.period, "for", 0, "end after this time, such as 10s")
	return cmd
}

func (d *syncDump) run(ctx context.Context, out, errOut io.Writer, in io.Reader) error {
	dump := syncdump.New(out)
	dump.JSON, dump.Quiet, dump.Limit = d.asJSON, d.count, d.limit
	if err := d.parse(dump); err != nil {
		return fmt.Errorf("sync dump: %w", err)
	}
	if d.period > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, d.period)
		defer end()
	}
	var err error
	if d.file != "" {
		err = d.fromFile(ctx, dump, in)
	} else {
		err = d.live(ctx, dump, errOut)
	}
	if err != nil && !errors.Is(err, syncdump.ErrLimit) {
		return fmt.Errorf("sync dump: %w", err)
	}
	switch {
	case d.asJSON:
		err = json.NewEncoder(out).Encode(map[string]any{"summary": &dump.Summary})
	case d.count:
		err = dump.Summary.Print(out)
	default:
		err = dump.Summary.Print(errOut)
	}
	return err
}

// parse reads the options into the dump.
func (d *syncDump) parse(dump *syncdump.Dump) error {
	if d.iface != "" && d.file != "" {
		return errors.New("-i and -r exclude each other")
	}
	if err := d.filter.Check(); err != nil {
		return err
	}
	for _, e := range []struct {
		text string
		to   **syncdump.Endpoint
	}{{d.client, &d.filter.Client}, {d.virtual, &d.filter.Virtual}, {d.dest, &d.filter.Dest}} {
		if e.text == "" {
			continue
		}
		p, err := syncdump.ParseEndpoint(e.text)
		if err != nil {
			return err
		}
		*e.to = &p
	}
	if d.sender != "" {
		a, err := netip.ParseAddr(d.sender)
		if err != nil {
			return fmt.Errorf("--sender: %w", err)
		}
		d.filter.Sender = &a
	}
	dump.Filter = d.filter
	if d.group != "" {
		a, err := netip.ParseAddr(d.group)
		if err != nil || !a.IsMulticast() {
			return fmt.Errorf("--group %s is not a multicast address", d.group)
		}
		dump.Group = a
	}
	if d.ports < 1 || d.ports > 1<<16 {
		return fmt.Errorf("--ports %d: want 1 to 65536", d.ports)
	}
	d.setPorts(dump)
	return nil
}

func (d *syncDump) setPorts(dump *syncdump.Dump) {
	first := d.port
	if first == 0 {
		first = sync.DefaultPort
	}
	dump.Ports = [2]uint16{first, uint16(min(int(first)+d.ports-1, 65535))}
}

func (d *syncDump) fromFile(ctx context.Context, dump *syncdump.Dump, in io.Reader) error {
	if d.file != "-" {
		f, err := os.Open(d.file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	c, err := capture.Open(in)
	if err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	err = frames(ctx, dump, c.Next)
	if errors.Is(err, capture.ErrFormat) { // what came before it is told
		return errors.Join(fmt.Errorf("%s: %w", d.file, err), dump.Summary.Print(os.Stderr))
	}
	return err
}

func (d *syncDump) live(ctx context.Context, dump *syncdump.Dump, errOut io.Writer) error {
	if err := d.fromKernel(dump); err != nil {
		return err
	}
	if !dump.Group.IsValid() {
		dump.Group = sync.DefaultGroup
	}
	l, err := capture.Listen(ctx, d.iface, dump.Group)
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Fprintf(errOut, "listening on %s for %s, UDP ports %d to %d\n", d.iface, dump.Group, dump.Ports[0], dump.Ports[1])
	err = frames(ctx, dump, l.Next)
	dump.Summary.Missed = l.Missed()
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return nil
	}
	return err
}

// fromKernel takes what was not said from the daemons that run.
func (d *syncDump) fromKernel(dump *syncdump.Dump) error {
	if d.iface != "" {
		return nil
	}
	k, err := ipvs.Open()
	if err != nil {
		return fmt.Errorf("say with -i where to listen: the kernel's daemons cannot be asked: %w", err)
	}
	defer k.Close()
	list, err := k.Daemons()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("no sync daemon runs here: say with -i where to listen")
	}
	d.iface = list[0].Interface
	if d.port == 0 {
		d.port = list[0].Port
		d.setPorts(dump)
	}
	if !dump.Group.IsValid() {
		dump.Group = list[0].Group
	}
	return nil
}

// frames hands the datagrams of all frames to the dump.
func frames(ctx context.Context, dump *syncdump.Dump, next func(*capture.Frame) error) error {
	var udp capture.Datagrams
	defer func() { dump.Summary.Fragments = udp.Fragments }()
	for ctx.Err() == nil {
		var f capture.Frame
		var g capture.Datagram
		if err := next(&f); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if !udp.UDP(&f, &g) {
			continue
		}
		if err := dump.Datagram(&g); err != nil {
			return err
		}
	}
	return nil
}
