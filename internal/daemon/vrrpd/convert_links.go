package vrrpd

import (
	"time"

	"holdfast/internal/config"
	"holdfast/vrrp/link"
)

// beatConfig says how the state of links is found. A delay is cut to what a
// backup of the shortest instance on the interface waits for its master less a
// tenth of an interval: it must not take over on a link that is about to count
// as down.
func beatConfig(c *config.Config) link.BeatConfig {
	b := link.BeatConfig{Delays: map[string]link.Delay{}, Polls: map[string]link.BeatKind{}}
	for _, l := range c.Links.Delays {
		d := link.Delay{Down: l.Down, Up: l.Up}
		for i := range c.Instances {
			in := &c.Instances[i]
			if in.Interface != l.Interface {
				continue
			}
			limit := time.Duration(max(in.DownTimerAdverts-1, 0))*in.AdvertInt - in.AdvertInt/10
			d.Down, d.Up = max(min(d.Down, limit), 0), max(min(d.Up, limit), 0)
		}
		b.Delays[l.Interface] = d
	}
	if c.Links.PollAll {
		for i := range c.Instances {
			in := &c.Instances[i]
			b.Polls[in.Interface] = ""
			for _, t := range in.TrackInterfaces {
				b.Polls[t.Name] = ""
			}
		}
		for _, g := range c.SyncGroups {
			for _, t := range g.TrackInterfaces {
				b.Polls[t.Name] = ""
			}
		}
	}
	for _, p := range c.Links.Polls {
		b.Polls[p.Interface] = link.BeatKind(p.Kind)
	}
	return b
}
