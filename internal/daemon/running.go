package daemon

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/role"
)

// running is what the parent keeps of the configuration in force: what each
// child is started with, and the little it needs itself. The whole would be
// many times as large.
type running struct {
	files     []string
	loaded    time.Time
	notActive []string
	halved    []string // see there
	hasVRRP   bool
	hasLVS    bool
	intervals map[string]time.Duration // advert_int by virtual router
	encoded   map[role.Role]role.Encoded
	programs  programs
	name      config.ProcessSettings // of the parent
	named     bool                   // process_names
	daemon    config.Daemon
	own       config.DaemonFiles
	text      string // for config_save_dir, until it is written
}

// empty reports whether there is nothing to run.
func (r *running) empty() bool { return !r.hasVRRP && !r.hasLVS }

// notActiveLimit bounds the list of keywords without effect in the status.
const notActiveLimit = 50

// newRunning prepares a configuration; any goroutine.
func newRunning(opts *Options, cfg *config.Config, diags []config.Diagnostic) (*running, error) {
	if err := Usable(cfg, opts.Check); err != nil {
		return nil, err
	}
	r := &running{
		files: cfg.Files, loaded: time.Now(), notActive: notActive(diags), halved: halved(opts, cfg),
		hasVRRP:   cfg.HasVRRP(),
		hasLVS:    cfg.HasLVS(),
		intervals: make(map[string]time.Duration, len(cfg.Instances)),
		encoded:   map[role.Role]role.Encoded{},
		programs:  programsOf(&cfg.Global),
		name:      config.ProcessSettings{Name: cfg.Global.ProcessName},
		named:     cfg.Global.ProcessNames,
		daemon:    cfg.Daemon,
		own:       cfg.Global.DaemonFiles,
	}
	if r.own.ConfigSaveDir != "" {
		r.text = textOf(cfg)
	}
	for i := range cfg.Instances {
		// The name is a part of the text of a file, which would all stay.
		r.intervals[strings.Clone(cfg.Instances[i].Name)] = cfg.Instances[i].AdvertInt
	}
	for _, part := range []struct {
		role   role.Role
		use    bool
		encode func(*config.Config) (role.Encoded, error)
	}{{role.VRRP, opts.VRRP, encodeWithoutServers}, {role.LVS, opts.LVS, role.Encode}} {
		if !part.use {
			continue
		}
		enc, err := part.encode(cfg)
		if err != nil {
			return nil, err
		}
		r.encoded[part.role] = enc
	}
	return r, nil
}

// Usable says what keeps a configuration without errors from being used, at a
// start and at a reload; check is what the roles would not accept, or nil.
func Usable(cfg *config.Config, check func(*config.Config) error) error {
	if check != nil {
		if err := check(cfg); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	if d := &cfg.Daemon; d.IPVSNamespaceSet && d.IPVSNamespace != d.NetNamespace && cfg.HasLVS() {
		return errors.New("net_namespace_ipvs is not active yet: the wrong machine's services would be changed")
	}
	return nil
}

// encodeWithoutServers leaves out what the vrrp process has no use for: it stays
// small however many services there are, but still has to know which addresses
// have one.
func encodeWithoutServers(cfg *config.Config) (role.Encoded, error) {
	var part config.VirtualServer
	return role.EncodeParts(cfg, func(vs *config.VirtualServer) *config.VirtualServer {
		part = config.VirtualServer{Addr: vs.Addr, FWMark: vs.FWMark, Family: vs.Family, Group: vs.Group}
		return &part
	})
}

// halved says what the configuration asks for and half a daemon, with -P or -C, cannot
// do: the roles of connection sync take both processes.
func halved(opts *Options, cfg *config.Config) []string {
	switch sync := cfg.Global.LVSSyncDaemon; {
	case sync == nil:
	case !opts.LVS:
		return []string{"lvs_sync_daemon has no effect with -P: the lvs process runs it, and there is none"}
	case !opts.VRRP && sync.Instance != "" && !sync.Both:
		return []string{"lvs_sync_daemon does not follow vrrp_instance " + sync.Instance + " with -C, which runs none: it has the backup role"}
	}
	return nil
}

// notActive lists what the configuration asks for and holdfast cannot do yet.
func notActive(diags []config.Diagnostic) []string {
	var out []string
	more := 0
	for _, d := range diags {
		switch {
		case d.ID != config.NotActive && d.ID != config.NotActiveKept:
		case len(out) < notActiveLimit:
			text := d.Text
			if at := d.Pos.String(); at != "" {
				text = at + ": " + text
			}
			out = append(out, text)
		default:
			more++
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more: holdfast check lists them", more))
	}
	return out
}
