package lvs

import (
	"maps"
	"slices"

	"holdfast/ipvs"
)

// Owned is what this process and its predecessors did to the kernel: what has
// to be undone at the end. It is plain JSON, for a state file.
type Owned struct {
	// Services that we installed, or may have.
	Services []ipvs.ServiceKey `json:"services,omitempty"`
	// Timeouts as they were before lvs_timeouts changed them.
	Timeouts *ipvs.Timeouts `json:"timeouts,omitempty"`
	// Profile holds settings of IPVS as they were before lvs_profile changed
	// them.
	Profile map[string]string `json:"profile,omitempty"`
	// Daemons are the roles of connection sync that we started.
	Daemons []ipvs.SyncRole `json:"daemons,omitempty"`
	// SyncIndex is that of the interface they were started on.
	SyncIndex int `json:"sync_ifindex,omitempty"`
	// SyncPorts is the setting sync_ports as it was before we changed it.
	SyncPorts int `json:"sync_ports,omitempty"`
	// BackupOnly is set while we have cleared backup_only.
	BackupOnly bool `json:"backup_only,omitempty"`
}

func (o Owned) clone() Owned {
	o.Services = slices.Clone(o.Services)
	o.Daemons = slices.Clone(o.Daemons)
	o.Profile = maps.Clone(o.Profile)
	if o.Timeouts != nil {
		t := *o.Timeouts
		o.Timeouts = &t
	}
	return o
}

func (o Owned) equal(p Owned) bool {
	return slices.Equal(o.Services, p.Services) && slices.Equal(o.Daemons, p.Daemons) &&
		maps.Equal(o.Profile, p.Profile) && o.SyncIndex == p.SyncIndex && o.SyncPorts == p.SyncPorts && o.BackupOnly == p.BackupOnly &&
		(o.Timeouts == nil) == (p.Timeouts == nil) && (o.Timeouts == nil || *o.Timeouts == *p.Timeouts)
}

// hasSync reports whether anything of connection sync is to be undone.
func (o Owned) hasSync() bool { return len(o.Daemons) > 0 || o.SyncPorts > 0 || o.BackupOnly }

// empty reports whether there is nothing to undo.
func (o Owned) empty() bool { return o.equal(Owned{}) }

// own is the set of services that are ours.
type own map[ipvs.ServiceKey]bool

func (o own) list() []ipvs.ServiceKey {
	keys := make([]ipvs.ServiceKey, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, ipvs.ServiceKey.Compare)
	return keys
}
