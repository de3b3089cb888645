package show

import (
	"fmt"
	"io"

	"holdfast/internal/daemon/control"
)

// renderObjects prints routes and rules of an instance, and what is done with
// packets to its addresses.
func renderObjects(field func(name, format string, args ...any), in *control.Instance) {
	for _, r := range in.Routes {
		field("route", "%s", r.Text+notSet(r, in.State))
	}
	for _, r := range in.Rules {
		field("rule", "%s", r.Text+notSet(r, in.State))
	}
	if in.NoAccept {
		field("accept", "off: packets to the addresses are dropped (no_accept, or strict mode)")
	}
}

// notSet remarks a route that is left out although its instance is master.
func notSet(o control.Object, state string) string {
	if state == "MASTER" && !o.Wanted {
		return " (its interface is missing)"
	}
	return ""
}

func renderStatic(w io.Writer, s *control.Static) {
	name := ""
	if s.TrackGroup != "" {
		name = " of track_group " + s.TrackGroup
	}
	fmt.Fprintf(w, "static%s: %s\n", name, s.State)
	field := func(name, text string) { fmt.Fprintf(w, "  %-12s %s\n", name, text) }
	for _, a := range s.Addresses {
		field("address", a.Address.String())
	}
	for _, r := range s.Routes {
		field("route", r.Text)
	}
	for _, r := range s.Rules {
		field("rule", r.Text)
	}
	if s.Error != "" {
		field("error", s.Error)
	}
}
