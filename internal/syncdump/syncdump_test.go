package syncdump

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/internal/capture"
	"holdfast/ipvs/sync"
)

// The captures are those of a Linux 6.1, made by integration's
// TestConnectionSync with HOLDFAST_RESULTS.
var captures = []string{"../../ipvs/sync/testdata/linux-6.1.pcap", "../../ipvs/sync/testdata/linux-6.1.pcapng"}

// run reads a capture with the options that set makes.
func run(t *testing.T, path string, set func(*Dump)) (string, *Summary) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := capture.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	d := New(&out)
	d.Ports, d.Filter.SyncID = [2]uint16{8848, 8911}, -1
	set(d)
	var udp capture.Datagrams
	for {
		var fr capture.Frame
		var g capture.Datagram
		if err := c.Next(&fr); err == io.EOF {
			return out.String(), &d.Summary
		} else if err != nil {
			t.Fatal(err)
		}
		if !udp.UDP(&fr, &g) {
			t.Fatal("a frame without UDP")
		}
		if err := d.Datagram(&g); errors.Is(err, ErrLimit) {
			return out.String(), &d.Summary
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func endpoint(t *testing.T, s string) *Endpoint {
	t.Helper()
	e, err := ParseEndpoint(s)
	if err != nil {
		t.Fatal(err)
	}
	return &e
}

func TestRealCaptures(t *testing.T) {
	for _, path := range captures {
		out, sum := run(t, path, func(*Dump) {})
		for _, want := range []string{
			" 192.0.2.1 id 7 v1 TCP 192.0.2.99:", "-> 192.0.2.100:80 -> 198.51.100.21:8080 ESTABLISHED NAT 900s\n",
			" TCP template 192.0.2.99:0 -> 192.0.2.100:81 -> 198.51.100.21:8080 ASSURED NAT 77s inactive\n",
			" -> [2001:db8::100]:80 -> [2001:db8:2::21]:8080 CLOSE_WAIT NAT 60s inactive\n",
			" any template 192.0.2.99:0 -> 0.0.0.5:0 -> 198.51.100.21:0 ASSURED NAT 88s mark 5 inactive\n",
			` UDP template 192.0.2.99:0 -> 192.0.2.100:5060 -> 198.51.100.21:5060 NONE NAT 99s inactive pe "sip" "3848276298220188511@lab.example"`,
			" id 7 v0 TCP 192.0.2.99:",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", path, want, out)
			}
		}
		s := sum.Senders[netip.MustParseAddr("192.0.2.1")]
		if s == nil || fmt.Sprint(s.SyncIDs, s.Versions) != "[7] [1 0]" || s.Malformed+s.Unknown > 0 ||
			s.Connections+s.Templates != sum.Shown || int(sum.Shown) != strings.Count(out, "\n") {
			t.Errorf("%+v %+v", sum, s)
		}
	}
	a, _ := run(t, captures[0], func(*Dump) {})
	if b, _ := run(t, captures[1], func(*Dump) {}); a != b {
		t.Errorf("pcap and pcapng differ:\n%s\n%s", a, b)
	}
}

func TestFilters(t *testing.T) {
	elsewhere := netip.MustParseAddr("192.0.2.2")
	for name, c := range map[string]struct {
		filter func(*Filter)
		line   string // in every line
		lines  bool   // there are some
	}{
		"client":           {func(f *Filter) { f.Client = endpoint(t, "2001:db8::/64") }, "[2001:db8::99]", true},
		"virtual":          {func(f *Filter) { f.Virtual = endpoint(t, "192.0.2.100:81") }, "-> 192.0.2.100:81", true},
		"port":             {func(f *Filter) { f.Virtual = endpoint(t, ":5060") }, ":5060 ->", true},
		"address":          {func(f *Filter) { f.Dest = endpoint(t, "198.51.100.21") }, "-> 198.51.100.21:", true},
		"protocol":         {func(f *Filter) { f.Protocol = "udp" }, " UDP ", true},
		"state":            {func(f *Filter) { f.State = "time_wait" }, "TIME_WAIT", true},
		"templates":        {func(f *Filter) { f.Kind = "template" }, " template ", true},
		"another id":       {func(f *Filter) { f.SyncID = 8 }, "", false},
		"another director": {func(f *Filter) { f.Sender = &elsewhere }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			out, sum := run(t, captures[0], func(d *Dump) { c.filter(&d.Filter) })
			if (out != "") != c.lines {
				t.Errorf("%q", out)
			}
			for line := range strings.SplitSeq(strings.TrimSuffix(out, "\n"), "\n") {
				if !strings.Contains(line, c.line) {
					t.Errorf("%q", line)
				}
			}
			if all := sum.Senders[netip.MustParseAddr("192.0.2.1")]; all == nil || all.Connections+all.Templates < 20 {
				t.Errorf("the counts are of all: %+v", all)
			}
		})
	}
	for _, s := range []string{"", "x", "192.0.2.1:x", ":70000", "192.0.2.0/33"} {
		if _, err := ParseEndpoint(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	for _, f := range []Filter{{Protocol: "icmp"}, {Kind: "x"}, {SyncID: 256}} {
		if f.Check() == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

func TestJSONAndLimit(t *testing.T) {
	out, sum := run(t, captures[0], func(d *Dump) { d.JSON, d.Limit, d.Filter.Protocol = true, 2, "udp" })
	dec := json.NewDecoder(strings.NewReader(out))
	for range 2 {
		var e struct {
			Time           time.Time
			Sender         netip.Addr
			Kind, Protocol string
			Client         netip.AddrPort
			PEName         string `json:"pe_name"`
			PEData         []byte `json:"pe_data"`
			Timeout        int    `json:"timeout_seconds"`
		}
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.Time.IsZero() || e.Sender.String() != "192.0.2.1" || e.Kind != "template" || e.PEName != "sip" ||
			string(e.PEData) != "3848276298220188511@lab.example" || e.Timeout != 99 {
			t.Errorf("%+v", e)
		}
	}
	if dec.More() || sum.Shown != 2 {
		t.Errorf("%d entries in\n%s", sum.Shown, out)
	}
	if out, sum := run(t, captures[0], func(d *Dump) { d.Quiet = true }); out != "" || sum.Shown < 20 {
		t.Errorf("%q, %+v", out, sum)
	}
	if out, sum := run(t, captures[0], func(d *Dump) { d.Ports = [2]uint16{1, 2} }); out != "" || len(sum.Senders) > 0 {
		t.Errorf("another port: %q, %+v", out, sum)
	}
}

// TestHostile: what a kernel drops is counted, and a flood of senders is bounded.
func TestHostile(t *testing.T) {
	var out bytes.Buffer
	d := New(&out)
	d.Ports, d.Filter.SyncID = [2]uint16{8848, 8848}, -1
	send := func(i int, payload []byte, length int) {
		t.Helper()
		from := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if err := d.Datagram(&capture.Datagram{
			Src: netip.AddrPortFrom(from, 1), Dst: netip.AddrPortFrom(sync.DefaultGroup, 8848), Payload: payload, Length: length,
		}); err != nil {
			t.Fatal(err)
		}
	}
	send(1, []byte("garbage!"), 8)
	send(1, []byte{0, 7}, 100)
	enc, err := sync.NewEncoder(1, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddrPort("192.0.2.1:1")
	for range 2 {
		if err := enc.Add(&sync.Entry{Client: a, Virtual: a, Dest: a, PEData: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	msg := enc.Message()
	msg[8+36] = 9 // an option that nobody knows
	send(1, msg, len(msg))
	s := d.Summary.Senders[netip.MustParseAddr("10.0.0.1")]
	if s.Malformed != 1 || d.Summary.Truncated != 1 || s.Unknown != 1 || s.Connections != 1 {
		t.Errorf("%+v %+v", d.Summary, s)
	}
	for i := range 1000 {
		send(i, []byte("x"), 1)
	}
	if n := len(d.Summary.Senders); n > maxSenders+1 {
		t.Errorf("%d senders are told apart", n)
	}
	var text strings.Builder
	if err := d.Summary.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10.0.0.1: sync id 7, version 1: 4 messages, ", "1 entries with unknown options", "others: sync id unknown", "1 messages of which the capture holds only a part"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}
