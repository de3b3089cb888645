package doctor

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/host"
)

// rules are all that is looked at; each is named by the findings it makes.
var rules = []func(*Snapshot) []host.Finding{
	// a director
	loaderBroken, ipvsMissing, schedulerMissing, engineMissing, forwardingOff, redirects, strictFilter, arpMute, backupOnly, natUnreachable,
	connectionTracking, untrackedNAT, tunnelMTU,
	// VRRP
	leftOver, elsewhere, filtered, snooped, duplicates, secondMaster, daemonDown,
	// a real server
	realServer, segmentSize,
	// everyone
	duplicateAddress, clock,
}

// Examine applies every rule; the worst findings come first, and the same
// thing is said once.
func Examine(s *Snapshot) []host.Finding {
	all := []host.Finding{}
	seen := map[string]bool{}
	for _, rule := range rules {
		for _, f := range rule(s) {
			if f.Mend == nil {
				f.Mend = []string{}
			}
			key := f.ID + "\x00" + f.What
			if f.ID != "vip-missing" && len(f.Mend) > 0 { // one command for several addresses
				key = f.ID + "\x00" + strings.Join(f.Mend, "\n")
			}
			if !seen[key] {
				seen[key] = true
				all = append(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b host.Finding) int { return int(b.Severity) - int(a.Severity) })
	return all
}

func one(severity host.Severity, id, what, why string, mend ...string) host.Finding {
	return host.Finding{ID: id, Severity: severity, What: what, Why: why, Mend: mend}
}

// quote lists names for people.
func quote[T any](list []T) string {
	var names []string
	for _, v := range list {
		names = append(names, fmt.Sprint(v))
	}
	return strings.Join(names, ", ")
}
