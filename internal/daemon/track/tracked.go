package track

import "holdfast/internal/config"

// tracked returns those of list that an instance or a sync group tracks, in
// the lists that instance and group give.
func tracked[T any](cfg *config.Config, list []T, name func(*T) string,
	instance func(*config.VRRPInstance) []config.Track, group func(*config.SyncGroup) []config.Track,
) []T {
	used := map[string]bool{}
	for k := range cfg.Instances {
		for _, t := range instance(&cfg.Instances[k]) {
			used[t.Name] = true
		}
	}
	for k := range cfg.SyncGroups {
		for _, t := range group(&cfg.SyncGroups[k]) {
			used[t.Name] = true
		}
	}
	var out []T
	for k := range list {
		if used[name(&list[k])] {
			out = append(out, list[k])
		}
	}
	return out
}

// Tracked returns the scripts of a configuration that an instance or a sync
// group tracks. keepalived runs no others.
func Tracked(cfg *config.Config) []config.VRRPScript {
	return tracked(cfg, cfg.Scripts, func(s *config.VRRPScript) string { return s.Name },
		func(i *config.VRRPInstance) []config.Track { return i.TrackScripts },
		func(g *config.SyncGroup) []config.Track { return g.TrackScripts })
}

// TrackedFiles is Tracked for files: others are neither read nor made.
func TrackedFiles(cfg *config.Config) []config.TrackFile {
	return tracked(cfg, cfg.TrackFiles, func(f *config.TrackFile) string { return f.Name },
		func(i *config.VRRPInstance) []config.Track { return i.TrackFiles },
		func(g *config.SyncGroup) []config.Track { return g.TrackFiles })
}

// TrackedProcesses is Tracked for processes.
func TrackedProcesses(cfg *config.Config) []config.TrackProcess {
	return tracked(cfg, cfg.TrackProcesses, func(p *config.TrackProcess) string { return p.Name },
		func(i *config.VRRPInstance) []config.Track { return i.TrackProcesses },
		func(g *config.SyncGroup) []config.Track { return g.TrackProcesses })
}

// TrackedBFDs is Tracked for BFD sessions.
func TrackedBFDs(cfg *config.Config) []config.BFDInstance {
	return tracked(cfg, cfg.BFDInstances, func(b *config.BFDInstance) string { return b.Name },
		func(i *config.VRRPInstance) []config.Track { return i.TrackBFDs },
		func(g *config.SyncGroup) []config.Track { return g.TrackBFDs })
}
