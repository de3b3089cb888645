// Package profile names sets of settings of IPVS (net.ipv4.vs), one for each
// role of a director. It is data: whoever applies a set reads what was there
// before, leaves out what the running kernel does not have (settings differ from
// version to version), and restores it at the end.
package profile

import "slices"

// Profile is a named set of settings of IPVS (net.ipv4.vs) for one role of a
// director.
type Profile struct {
	Name     string
	Doc      string
	Settings []Setting
}

// Setting is a file below /proc/sys/net/ipv4/vs and what it is set to.
type Setting struct{ Name, Value string }

// All are the profiles that there are.
var All = []Profile{
	{"director", "a failed server's clients are moved at once, also those with persistence; ports that clients use again are scheduled anew", []Setting{
		{"conn_reuse_mode", "1"},
		{"expire_nodest_conn", "1"},
		{"expire_quiescent_template", "1"},
	}},
	{"sync", "connection sync that follows long connections, and takes them over in mid-stream", []Setting{
		{"sync_refresh_period", "10"},
		{"sync_retries", "1"},
		{"sloppy_tcp", "1"},
		{"sloppy_sctp", "1"},
	}},
	{"tunnel", "ICMP of the path, such as that a packet is too big, finds the client", []Setting{
		{"schedule_icmp", "1"},
		{"pmtu_disc", "1"},
	}},
	// Not nat_icmp_send: with it the kernel drops what a server of NAT sends from
	// its port and no connection of IPVS has, the answers to our own checks too.
	{"nat", "answers take the way that the address they are translated to has", []Setting{
		{"snat_reroute", "1"},
	}},
}

// Named finds a profile.
func Named(name string) (Profile, bool) {
	i := slices.IndexFunc(All, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return All[i], true
}

// Names lists the names, in the order of All.
func Names() []string {
	names := make([]string, len(All))
	for i, p := range All {
		names[i] = p.Name
	}
	return names
}

// Settings is what the named profiles set together, without doubles, in their
// order.
func Settings(names []string) []Setting {
	var out []Setting
	for _, n := range names {
		p, _ := Named(n)
		for _, s := range p.Settings {
			if !slices.ContainsFunc(out, func(o Setting) bool { return o.Name == s.Name }) {
				out = append(out, s)
			}
		}
	}
	return out
}
