package syncdump

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"holdfast/ipvs/sync"
)

// maxSenders bounds how many are told apart; the rest count as one.
const maxSenders = 256

// Summary counts what was seen, whatever the filter shows.
type Summary struct {
	First     time.Time              `json:"first,omitzero"`
	Last      time.Time              `json:"last,omitzero"`
	Shown     uint64                 `json:"shown"`               // entries that the filter lets pass
	Truncated uint64                 `json:"truncated,omitempty"` // messages of which the capture has a part
	Fragments uint64                 `json:"fragments,omitempty"` // without their beginning
	Missed    uint64                 `json:"missed,omitempty"`    // packets that came too fast
	Senders   map[netip.Addr]*Sender `json:"senders"`
}

// Sender counts what came from one director.
type Sender struct {
	SyncIDs     []int  `json:"sync_ids"`
	Versions    []int  `json:"versions"`
	Messages    uint64 `json:"messages"`
	Bytes       uint64 `json:"bytes"`
	Connections uint64 `json:"connections"` // entries
	Templates   uint64 `json:"templates"`
	Inactive    uint64 `json:"inactive"`            // of the connections
	Malformed   uint64 `json:"malformed,omitempty"` // messages that a kernel drops, or the rest of which
	Unknown     uint64 `json:"unknown_options,omitempty"`
}

func (s *Summary) seen(at time.Time) {
	if at.IsZero() {
		return
	}
	if s.First.IsZero() || at.Before(s.First) {
		s.First = at
	}
	if at.After(s.Last) {
		s.Last = at
	}
}

func (s *Summary) sender(a netip.Addr) *Sender {
	if s.Senders[a] == nil {
		if len(s.Senders) >= maxSenders {
			a = netip.IPv4Unspecified()
		}
		if s.Senders[a] == nil {
			s.Senders[a] = &Sender{}
		}
	}
	return s.Senders[a]
}

func (s *Sender) message(m *sync.Message) {
	for _, x := range []struct {
		list *[]int
		n    int
	}{{&s.SyncIDs, int(m.SyncID)}, {&s.Versions, int(m.Version)}} {
		if !slices.Contains(*x.list, x.n) {
			*x.list = append(*x.list, x.n)
		}
	}
}

func (s *Sender) entry(e *sync.Entry) {
	switch {
	case e.Flags&sync.Template != 0:
		s.Templates++
		return
	case e.Flags&sync.Inactive != 0:
		s.Inactive++
	}
	s.Connections++
}

// Print writes the counts for people.
func (s *Summary) Print(w io.Writer) error {
	var b strings.Builder
	took := s.Last.Sub(s.First)
	for _, a := range s.order() {
		x := s.Senders[a]
		name := a.String()
		if a.IsUnspecified() {
			name = "others"
		}
		fmt.Fprintf(&b, "%s: sync id %s, version %s: %d messages, %d bytes, %d entries of connections (%d inactive), %d of templates",
			name, list(x.SyncIDs), list(x.Versions), x.Messages, x.Bytes, x.Connections, x.Inactive, x.Templates)
		if took >= time.Second {
			fmt.Fprintf(&b, ", %.0f entries a second", float64(x.Connections+x.Templates)/took.Seconds())
		}
		if x.Malformed > 0 {
			fmt.Fprintf(&b, ", %d malformed messages", x.Malformed)
		}
		if x.Unknown > 0 {
			fmt.Fprintf(&b, ", %d entries with unknown options", x.Unknown)
		}
		b.WriteByte('\n')
	}
	if len(s.Senders) == 0 {
		b.WriteString("no sync messages\n")
	}
	for _, c := range []struct {
		n    uint64
		what string
	}{
		{s.Truncated, "messages of which the capture holds only a part"},
		{s.Fragments, "fragments without their beginning"},
		{s.Missed, "packets came too fast to be read"},
	} {
		if c.n > 0 {
			fmt.Fprintf(&b, "%d %s\n", c.n, c.what)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Summary) order() []netip.Addr {
	out := make([]netip.Addr, 0, len(s.Senders))
	for a := range s.Senders {
		out = append(out, a)
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

func list(n []int) string {
	if len(n) == 0 {
		return "unknown"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(n), " ", ", "), "[]")
}
