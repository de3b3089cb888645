package daemon

import (
	"fmt"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/role"
)

// reloadLimit bounds how long a child may take over a new configuration
// before the reload counts as failed.
const reloadLimit = 30 * time.Second

// reloadState is what is known of reloads.
type reloadState struct {
	running bool
	again   bool // asked for while one was running
	last    time.Time
	failure string // of the last one; empty: it succeeded
}

// startReload reads and checks the whole new configuration beside the running
// one, in a goroutine: nothing waits for it.
func (p *Parent) startReload() {
	if p.stopping {
		return
	}
	if p.reload.running {
		p.reload.again = true
		return
	}
	p.reload.running = true
	p.log.Info("reloading", "config", p.opts.ConfigFile)
	go func() {
		cfg, diags := p.opts.Load()
		p.post(func() { p.loadedAnew(cfg, diags) })
	}()
}

func (p *Parent) loadedAnew(cfg *config.Config, diags []config.Diagnostic) {
	logDiagnostics(p.log, diags)
	if n := refusals(diags); n > 0 || cfg == nil {
		p.reloaded(fmt.Sprintf("refused, the running configuration stays: %d errors", n))
		return
	}
	if len(cfg.Instances)+len(cfg.VirtualServers) == 0 && len(p.cfg.Instances)+len(p.cfg.VirtualServers) > 0 {
		// What is left of a file that is being written is most often nothing.
		p.reloaded("refused, the running configuration stays: the new one is empty; stop the daemon to release everything")
		return
	}
	if p.stopping {
		p.reloaded("stopped meanwhile")
		return
	}
	p.cfg, p.loaded = cfg, time.Now()
	waiting, failure := 1, ""
	done := func(r role.Role, err error) {
		if err != nil {
			failure = fmt.Sprintf("%s: %v", r, err)
			p.log.Error("configuration not taken over", "role", string(r), "err", err)
		}
		if waiting--; waiting == 0 {
			p.reloaded(failure)
		}
	}
	for _, s := range []*slot{p.lvs, p.vrrp} {
		if s.child == nil || s.stopping {
			continue
		}
		boot, err := role.WriteBoot(p.boot(s, nil))
		waiting++
		if err != nil {
			done(s.role, err)
			continue
		}
		p.ask(s, ipc.Message{Type: ipc.TypeConfig}, boot, reloadLimit, func(m ipc.Message, err error) {
			if err == nil && m.Err != "" {
				err = fmt.Errorf("%s", m.Err)
			}
			done(s.role, err)
		})
	}
	done("", nil)
	p.adopt()
}

// refusals counts the findings that a reload is refused for. A brace that does
// not close is one even in keepalived.conf, where a start goes on with what is
// there: the file was most likely read while somebody was writing it.
func refusals(diags []config.Diagnostic) int {
	n := 0
	for _, d := range diags {
		if d.Severity == config.Error || d.Class == config.ClassBraces {
			n++
		}
	}
	return n
}

func (p *Parent) reloaded(failure string) {
	p.reload.running, p.reload.last, p.reload.failure = false, time.Now(), failure
	if failure != "" {
		p.log.Error("reload failed", "err", failure)
	} else {
		p.log.Info("reloaded")
	}
	if p.reload.again {
		p.reload.again = false
		p.startReload()
	}
}
