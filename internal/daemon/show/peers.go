package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"holdfast/internal/daemon/control"
)

// renderPeers prints who is heard besides the master, what is special about
// each, and the ways that adverts come.
func renderPeers(field func(name, format string, args ...any), in *control.Instance, now time.Time) {
	for _, p := range in.Peers {
		notes := peerNotes(in, &p)
		switch {
		case in.Master == nil || p.Addr != in.Master.Addr:
			field("peer", "%s, priority %d, last heard %s ago%s", p.Addr, p.Priority, ago(now, p.LastHeard), notes)
		case notes != "":
			field("peer", "%s%s", p.Addr, notes)
		}
	}
	for _, p := range in.Paths {
		state := "up"
		switch {
		case !p.Up:
			state = "down"
		case p.Silent:
			state = "SILENT, while adverts come on another path"
		}
		if p.Error != "" {
			state += " (" + p.Error + ")"
		}
		heard := "nothing heard"
		if !p.LastHeard.IsZero() {
			heard = "last heard " + ago(now, p.LastHeard) + " ago"
		}
		field("advert path", "%s %s, %s", p.Interface, state, heard)
	}
}

// peerNotes is what is special about a peer's adverts.
func peerNotes(in *control.Instance, p *control.Peer) string {
	var notes []string
	if p.Path != "" {
		notes = append(notes, "on "+p.Path)
	}
	if p.Signed {
		notes = append(notes, "signed")
	}
	if p.Checksum != "" && p.Checksum != "pseudo-header" {
		notes = append(notes, "checksum "+p.Checksum)
	}
	if p.AdvertInt != 0 && p.AdvertInt != in.Policy.AdvertInt {
		notes = append(notes, "advert_int "+seconds(p.AdvertInt))
	}
	if !p.Agrees {
		notes = append(notes, "lists other addresses")
	}
	if len(notes) == 0 {
		return ""
	}
	return ", " + strings.Join(notes, ", ")
}

// fieldTo prints lines of a name and a text.
func fieldTo(w io.Writer) func(name, format string, args ...any) {
	return func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
}
