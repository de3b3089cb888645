package show

import (
	"fmt"
	"io"
	"strings"

	"holdfast/internal/daemon/control"
)

// renderTracked prints what is tracked besides scripts and interfaces.
func renderTracked(w io.Writer, t *control.Tracked) {
	for _, f := range t.Files {
		line := fmt.Sprint(f.Number)
		switch {
		case f.Error != "":
			line += ", " + f.Error
		case !f.There:
			line += ", the file does not exist"
		}
		fmt.Fprintf(w, "track_file %s: %s\n", f.Name, line)
	}
	for _, p := range t.Processes {
		limit := fmt.Sprintf("at least %d", p.Quorum)
		switch {
		case p.QuorumMax == 0:
			limit = "none"
		case p.QuorumMax > 0:
			limit += fmt.Sprintf(" and at most %d", p.QuorumMax)
		}
		fmt.Fprintf(w, "vrrp_track_process %s: %s, %d running, %s wanted\n", p.Name, p.State, p.Running, limit)
	}
	if t.Blind != "" {
		fmt.Fprintf(w, "processes are looked for once a second: %s\n", strings.ReplaceAll(t.Blind, "\n", "; "))
	}
	for _, l := range t.Links {
		line := map[bool]string{true: "up", false: "down"}[l.Up] + " by " + l.Kind
		if l.Error != "" {
			line = l.Error
		}
		fmt.Fprintf(w, "link of %s: %s\n", l.Interface, line)
	}
	for _, b := range t.BFD {
		line := fmt.Sprintf("%s, neighbour %s says %s", b.State, b.Neighbor, b.Remote)
		if b.Diag != "" {
			line += ", " + b.Diag
		}
		if b.Error != "" {
			line += ", " + b.Error
		}
		fmt.Fprintf(w, "bfd_instance %s: %s: %s (%d sent, %d received, %d dropped)\n", b.Name, b.Track, line, b.Sent, b.Received, b.Dropped)
	}
}
