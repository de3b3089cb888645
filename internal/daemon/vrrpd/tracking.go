package vrrpd

import (
	"log/slog"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/track"
	"holdfast/vrrp/bfd"
	"holdfast/vrrp/engine"
)

// tracking is everything tracked but interfaces, which the engine sees itself.
type tracking struct {
	scripts   *track.Tracker
	files     *track.Files
	processes *track.Processes
	bfd       *bfd.Node
	restarted bool
}

// newTracking tells every result to e.
func newTracking(e *engine.Engine, log *slog.Logger, restarted bool) *tracking {
	return &tracking{
		scripts:   track.New(track.Deps{Changed: e.Track, Log: log}),
		files:     track.NewFiles(track.FilesDeps{Changed: e.TrackValue, Log: log}),
		processes: track.NewProcesses(track.ProcessesDeps{Changed: e.Track, Log: log}),
		bfd:       bfd.NewNode(log, func(name string, up bool) { e.Track(track.BFDKey(name), up) }),
		restarted: restarted,
	}
}

// set follows what instances and groups of a configuration track.
func (t *tracking) set(c *config.Config) {
	user, group := notifier.ScriptUser(c.Global)
	t.scripts.SetScripts(track.Tracked(c), track.Settings{User: user, Group: group, Secure: c.Global.EnableScriptSecurity})
	t.files.Set(track.TrackedFiles(c), t.restarted)
	t.processes.Set(track.TrackedProcesses(c), c.Global.ProcessMonitorRcvBufs)
	t.bfd.Set(sessions(track.TrackedBFDs(c)), t.restarted)
	t.restarted = false // what a reload adds is new
}

func (t *tracking) close() {
	t.scripts.Close()
	t.files.Close()
	t.processes.Close()
	t.bfd.Close()
}

// status adds what is known of everything tracked.
func (t *tracking) status(v *control.VRRP) {
	v.Scripts = scriptStatus(t.scripts.Status())
	for _, f := range t.files.Status() {
		v.Tracked.Files = append(v.Tracked.Files, control.File{
			Name: f.Name, Path: f.Path, Number: f.Value, There: f.There, Error: f.Err, Changes: f.Changes, LastAt: f.Last.Round(0),
		})
	}
	list, blind := t.processes.Status()
	for _, p := range list {
		v.Tracked.Processes = append(v.Tracked.Processes, control.TrackedProcess{
			Name: p.Name, State: upDown(p.Up, false), Running: p.Count, Quorum: p.Quorum, QuorumMax: p.Max, Changes: p.Changes, LastAt: p.Last.Round(0),
		})
	}
	if blind != nil {
		v.Tracked.Blind = blind.Error()
	}
	for _, b := range t.bfd.Status() {
		v.Tracked.BFD = append(v.Tracked.BFD, control.BFD{
			Name: b.Name, Neighbor: b.Neighbor.String(), State: b.State.String(), Remote: b.RemoteState.String(), Diag: b.Diag.String(),
			Track: upDown(b.Healthy, false), TX: b.TX.Seconds(), Detection: b.Detection.Seconds(), Error: b.Err,
			Sent: b.Sent, Received: b.Received, Dropped: b.Dropped, LastAt: b.Last.Round(0),
		})
	}
}

func scriptStatus(list []track.Status) []control.Script {
	out := make([]control.Script, 0, len(list))
	for _, s := range list {
		out = append(out, control.Script{
			Name: s.Name, State: upDown(s.Up, !s.Known), Last: s.Text, LastAt: s.Last.Round(0),
			Runs: s.Runs, Failed: s.Failed, TimedOut: s.Timeout, Skipped: s.Skipped,
		})
	}
	return out
}
