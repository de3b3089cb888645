package diff

import (
	"strings"

	"holdfast/internal/config"
	"holdfast/vrrp/route"
)

// things compares what is neither a virtual router nor a service: what routers
// track, what is there whoever is master, and how links are looked at.
func things(old, cur *config.Config, add func(items []Item, kept int, block string)) {
	byName(add, "track_file", old.TrackFiles, cur.TrackFiles)
	byName(add, "vrrp_track_process", old.TrackProcesses, cur.TrackProcesses)
	byName(add, "bfd_instance", old.BFDInstances, cur.BFDInstances)
	byName(add, "track_group", old.TrackGroups, cur.TrackGroups)
	byName(add, "virtual_server_group", old.ServiceGroups, cur.ServiceGroups)
	by(add, "garp_group", old.GARPGroups, cur.GARPGroups, func(g *config.GARPGroup) string { return strings.Join(g.Interfaces, " ") })
	by(add, "static_ipaddress", old.StaticAddresses, cur.StaticAddresses, func(v *config.VIP) string { return v.Prefix.String() + " dev " + v.Dev })
	by(add, "static_routes", old.StaticRoutes, cur.StaticRoutes, func(r *route.Route) string { return r.Text })
	by(add, "static_rules", old.StaticRules, cur.StaticRules, func(r *route.Rule) string { return r.Text })
	by(add, "linkbeat_interfaces", old.Links.Polls, cur.Links.Polls, func(l *config.LinkPoll) string { return l.Interface })
	by(add, "interface_up_down_delays", old.Links.Delays, cur.Links.Delays, func(l *config.LinkDelay) string { return l.Interface })
	if old.Links.PollAll != cur.Links.PollAll {
		change := Added
		if old.Links.PollAll {
			change = Removed
		}
		add([]Item{{Change: change, Block: "linkbeat_use_polling"}}, 0, "linkbeat_use_polling")
	}
}

func byName[T any](add func([]Item, int, string), block string, old, cur []T) {
	by(add, block, old, cur, named[T])
}

func by[T any](add func([]Item, int, string), block string, old, cur []T, key func(*T) string) {
	items, kept := list(block, old, cur, key, key, nil)
	add(items, kept, block)
}
