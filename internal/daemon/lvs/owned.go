package lvs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"holdfast/ipvs"
)

// Owned is what this process and its predecessors did to the kernel: what has
// to be undone at the end. It is plain JSON, for a state file; see also
// [Owned.JSON].
type Owned struct {
	// Services that we installed, or may have.
	Services Services `json:"services,omitempty"`
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

// clone is a copy of o to be changed; the list of services is never changed in its
// place, see own.
func (o Owned) clone() Owned {
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

// JSON is o as JSON, most often without package json: a start comes by here before
// the kernel has its table, and would wait for what that takes for the first time.
func (o Owned) JSON() (json.RawMessage, error) {
	rest := o
	rest.Services = nil
	if !rest.empty() || len(o.Services) == 0 {
		return json.Marshal(o)
	}
	b, err := o.Services.appendJSON(append(make([]byte, 0, 16+32*len(o.Services)), `{"services":`...))
	return append(b, '}'), err
}

// Services are keys of services of the kernel; as JSON each is its [ServiceName].
type Services []ipvs.ServiceKey

func (s Services) appendJSON(b []byte) ([]byte, error) {
	b = append(b, '[')
	for i, k := range s {
		if i > 0 {
			b = append(b, ',')
		}
		if k.Group != "" || k.Addr.Zone() != "" {
			return nil, fmt.Errorf("%v is no service of the kernel", k)
		}
		b = append(b, '"') // and nothing in it is to be escaped
		b = appendName(b, k)
		b = append(b, '"')
	}
	return append(b, ']'), nil
}

// MarshalJSON writes the names.
func (s Services) MarshalJSON() ([]byte, error) { return s.appendJSON(nil) }

// UnmarshalJSON reads them. What is no name of a service is an error; those before it
// are there then.
func (s *Services) UnmarshalJSON(b []byte) error {
	var names []string
	if err := json.Unmarshal(b, &names); err != nil {
		return err
	}
	*s = make(Services, 0, len(names))
	for _, text := range names {
		k, ok := keyOf(text)
		if !ok {
			return fmt.Errorf("%q is no service of the kernel", text)
		}
		*s = append(*s, k)
	}
	return nil
}

// keyOf is the service of the kernel that has exactly this name.
func keyOf(name string) (k ipvs.ServiceKey, ok bool) {
	where, what, _ := strings.Cut(name, "/")
	if mark, is := strings.CutPrefix(where, "fwmark:"); is {
		m, _ := strconv.ParseUint(mark, 10, 32)
		if k = ipvs.MarkKey(ipvs.INET, uint32(m)); what != "" {
			k.Family = ipvs.INET6
		}
		return k, ServiceName(k) == name
	}
	at, _ := netip.ParseAddrPort(where)
	for _, p := range []ipvs.Protocol{ipvs.TCP, ipvs.UDP, ipvs.SCTP} {
		if k = ipvs.AddrKey(p, at.Addr(), at.Port()); at.IsValid() && at.Addr().Zone() == "" && ServiceName(k) == name {
			return k, true
		}
	}
	return ipvs.ServiceKey{}, false
}
