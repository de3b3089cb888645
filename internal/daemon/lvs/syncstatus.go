package lvs

import (
	"net/netip"
	"slices"
	"time"

	"holdfast/ipvs"
)

// DaemonStatus is a running connection-sync daemon.
type DaemonStatus struct {
	Role      string     `json:"role"`
	Interface string     `json:"interface"`
	ID        uint32     `json:"id"`
	Group     netip.Addr `json:"group,omitzero"`
	Port      uint16     `json:"port,omitempty"`
	TTL       uint8      `json:"ttl,omitempty"`
	MaxLen    uint16     `json:"maxlen,omitempty"`
	Threads   int        `json:"threads,omitempty"` // 0: not known
	Source    netip.Addr `json:"source,omitzero"`   // of a master
	Waiting   uint64     `json:"waiting_bytes"`     // to be sent, or to be read
	Dropped   uint64     `json:"dropped"`           // datagrams of a backup for which there was no room
}

// SyncStatus is how things stand with connection sync.
type SyncStatus struct {
	Interface string   `json:"interface"`
	Instance  string   `json:"instance,omitempty"`
	ID        uint32   `json:"id"`
	Roles     []string `json:"roles"` // that are to run now
	// Problem says why they do not, or do not work; empty: all is well.
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"problem_since,omitzero"`
	// Renewed counts daemons that were replaced because their interface or
	// address had changed.
	Renewed uint64 `json:"renewed"`
	// BackupOnly is set while backup_only, which was 1, is cleared because this
	// director forwards.
	BackupOnly  bool             `json:"backup_only_cleared,omitempty"`
	Connections *ipvs.SyncCounts `json:"connections,omitempty"`
}

// syncStatus is the part that the owner knows; nil: not configured.
func (l *LVS) syncStatus() *SyncStatus {
	c := l.cfg.Global.LVSSyncDaemon
	if c == nil {
		return nil
	}
	s := &SyncStatus{
		Interface: c.Interface, Instance: c.Instance, Roles: []string{},
		Problem: l.daemons.problem, Renewed: l.daemons.renewed, BackupOnly: l.owned.BackupOnly,
	}
	if s.Problem != "" {
		s.Since = l.daemons.since
	}
	want, _ := l.wantedDaemons()
	for _, d := range want.daemons {
		s.ID = d.SyncID
		s.Roles = append(s.Roles, d.Role.String())
	}
	return s
}

// merge adds what the kernel says. The kernel counts no messages; where /proc
// cannot be read less is shown.
func (k *SyncKernel) merge(st *Status, daemons []ipvs.Daemon) {
	sockets, _ := k.Sockets(daemons)
	for _, d := range daemons {
		s := DaemonStatus{
			Role: d.Role.String(), Interface: d.Interface, ID: d.SyncID,
			Group: d.Group, Port: d.Port, TTL: d.TTL, MaxLen: d.MaxLen,
		}
		for _, x := range sockets {
			if x.Role == d.Role {
				s.Threads++
				s.Source = x.Source
				s.Waiting += uint64(x.Waiting)
				s.Dropped += x.Dropped
			}
		}
		st.Daemons = append(st.Daemons, s)
	}
	if st.Sync == nil {
		return
	}
	if c, err := k.Counts(); err == nil {
		st.Sync.Connections = &c
	}
	for _, r := range st.Sync.Roles {
		if !slices.ContainsFunc(st.Daemons, func(d DaemonStatus) bool { return d.Role == r }) && st.Sync.Problem == "" {
			st.Sync.Problem = "the " + r + " does not run"
		}
	}
}
