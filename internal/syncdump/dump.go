package syncdump

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"holdfast/internal/capture"
	"holdfast/ipvs/sync"
)

// Dump prints entries of datagrams.
type Dump struct {
	Filter Filter
	Ports  [2]uint16 // first and last of the stream
	Group  netip.Addr
	JSON   bool
	Quiet  bool // only count
	Limit  int  // entries; 0: none
	// Summary is what was seen until now.
	Summary Summary

	out io.Writer
	enc *json.Encoder
}

// New makes a dump that prints to w.
func New(w io.Writer) *Dump {
	return &Dump{out: w, enc: json.NewEncoder(w), Summary: Summary{Senders: map[netip.Addr]*Sender{}}}
}

// ErrLimit is returned when Limit entries were printed.
var ErrLimit = errors.New("enough")

// entryJSON is an entry as JSON.
type entryJSON struct {
	Time     time.Time      `json:"time,omitzero"`
	Sender   netip.Addr     `json:"sender"`
	SyncID   uint8          `json:"sync_id"`
	Version  uint8          `json:"version"`
	Kind     string         `json:"kind"` // "connection", "template"
	Protocol string         `json:"protocol"`
	Client   netip.AddrPort `json:"client"`
	Virtual  netip.AddrPort `json:"virtual"`
	Dest     netip.AddrPort `json:"dest"`
	State    string         `json:"state"`
	Method   string         `json:"method"`
	Timeout  uint32         `json:"timeout_seconds,omitempty"`
	FWMark   uint32         `json:"fwmark,omitempty"`
	Flags    []string       `json:"flags,omitempty"`
	SeqIn    *sync.Sequence `json:"seq_in,omitempty"`
	SeqOut   *sync.Sequence `json:"seq_out,omitempty"`
	PEName   string         `json:"pe_name,omitempty"`
	PEData   []byte         `json:"pe_data,omitempty"` // base64
}

// Datagram looks at one. Those to other ports or another group are passed over.
// The error is ErrLimit or the writer's.
func (d *Dump) Datagram(g *capture.Datagram) error {
	if p := g.Dst.Port(); p < d.Ports[0] || p > d.Ports[1] || d.Group.IsValid() && g.Dst.Addr() != d.Group {
		return nil
	}
	from := g.Src.Addr()
	s := d.Summary.sender(from)
	s.Messages++
	s.Bytes += uint64(g.Length)
	d.Summary.seen(g.At)
	if len(g.Payload) < g.Length {
		d.Summary.Truncated++
		return nil
	}
	m, err := sync.Parse(g.Payload)
	if err != nil {
		return d.malformed(s, g, err)
	}
	s.message(&m)
	for {
		var e sync.Entry
		ok, err := m.Next(&e)
		if errors.Is(err, sync.ErrOption) {
			s.Unknown++
			continue
		}
		if err != nil {
			return d.malformed(s, g, err)
		}
		if !ok {
			return nil
		}
		s.entry(&e)
		if !d.Filter.message(&m, from) || !d.Filter.entry(&e) {
			continue
		}
		d.Summary.Shown++
		if !d.Quiet {
			if err := d.print(g, &m, &e); err != nil {
				return err
			}
		}
		if d.Limit > 0 && d.Summary.Shown >= uint64(d.Limit) {
			return ErrLimit
		}
	}
}

func (d *Dump) malformed(s *Sender, g *capture.Datagram, err error) error {
	s.Malformed++
	if d.Quiet || d.JSON {
		return nil
	}
	_, werr := fmt.Fprintf(d.out, "%s%s %v\n", clock(g.At), g.Src.Addr(), err)
	return werr
}

func clock(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format("15:04:05.000000 ")
}

func (d *Dump) print(g *capture.Datagram, m *sync.Message, e *sync.Entry) error {
	if !d.JSON {
		_, err := fmt.Fprintf(d.out, "%s%s id %d v%d %s\n", clock(g.At), g.Src.Addr(), m.SyncID, m.Version, e)
		return err
	}
	j := entryJSON{
		Time: g.At, Sender: g.Src.Addr(), SyncID: m.SyncID, Version: m.Version, Kind: "connection",
		Protocol: e.ProtocolName(), Client: e.Client, Virtual: e.Virtual, Dest: e.Dest, State: e.StateName(),
		Method: e.Flags.Method().String(), Timeout: e.Timeout, FWMark: e.FWMark, Flags: e.Flags.Names(),
		PEName: string(e.PEName), PEData: e.PEData,
	}
	if e.Flags&sync.Template != 0 {
		j.Kind = "template"
	}
	if e.Flags&sync.InSeq != 0 {
		j.SeqIn = &e.In
	}
	if e.Flags&sync.OutSeq != 0 {
		j.SeqOut = &e.Out
	}
	return d.enc.Encode(j)
}
