package control

import (
	"net/netip"
	"time"

	"holdfast/internal/daemon/notifier"
)

// VRRP is what the vrrp process says of itself.
type VRRP struct {
	Time      time.Time       `json:"time"`
	Instances []Instance      `json:"instances"`
	Groups    []Group         `json:"sync_groups,omitempty"`
	Static    []Static        `json:"static,omitempty"`
	Scripts   []Script        `json:"scripts,omitempty"`
	Tracked   Tracked         `json:"tracked,omitzero"`
	Notify    notifier.Status `json:"notify"`
	Lateness  Lateness        `json:"lateness"`
	Ports     []Port          `json:"ports"`
	// NoAcceptRepairs counts how often somebody removed what drops packets to
	// addresses with no_accept.
	NoAcceptRepairs uint64 `json:"no_accept_repairs,omitempty"`
	// VMACRepairs is the same of what keeps reports of groups from leaving
	// VMACs.
	VMACRepairs uint64 `json:"vmac_repairs,omitempty"`
}

// Lateness is how much later than asked for the engine woke up, in seconds.
type Lateness struct {
	Wakeups uint64  `json:"wakeups"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
	// Overslept counts wake-ups later than some router's peers wait, Yielded
	// masters that found another one then, Suspended sleeps of the machine.
	Overslept uint64 `json:"overslept"`
	Yielded   uint64 `json:"yielded"`
	Suspended uint64 `json:"suspended"`
}

// Waiting is the state of an instance that is not the protocol's: its interface
// does not exist.
const Waiting = "WAITING"

// Instance is one virtual router. Durations are in seconds.
type Instance struct {
	Name      string     `json:"name"`
	Interface string     `json:"interface"`
	VRID      uint8      `json:"virtual_router_id"`
	Version   uint8      `json:"version"`
	State     string     `json:"state"` // INIT, BACKUP, MASTER, FAULT or WAITING
	Since     time.Time  `json:"since,omitzero"`
	Reason    string     `json:"reason"`
	Faults    []string   `json:"faults,omitempty"`
	Priority  Priority   `json:"priority"`
	Policy    Policy     `json:"policy"`
	Source    netip.Addr `json:"source"`

	AdvertInt  float64 `json:"advert_int"`  // in force: our own as master, the master's as backup
	MasterDown float64 `json:"master_down"` // silence after which this router takes over

	Master    *Peer  `json:"master,omitempty"` // whom we follow as backup
	Peers     []Peer `json:"peers,omitempty"`  // everyone heard
	Paths     []Path `json:"advert_paths,omitempty"`
	Agreement bool   `json:"agreement"` // the peers advertise our list of addresses
	// SecondMaster is the last one that was heard while this one was master.
	SecondMaster  *Rival `json:"second_master,omitempty"`
	SecondMasters uint64 `json:"second_masters"` // incidents

	// VRIDMismatch is the last router that advertised our addresses by another
	// VRID.
	VRIDMismatch *Mismatch `json:"vrid_mismatch,omitempty"`

	// Claim is the last announcement of an address by another machine while this
	// one was master.
	Claim *Claim `json:"claim,omitempty"`

	Device         string   `json:"vmac,omitempty"`          // interface that the addresses live on, if not Interface
	DeviceFindings []string `json:"vmac_findings,omitempty"` // kernel settings of it that do not hold

	VIPs   []VIP    `json:"virtual_ipaddress"`
	Routes []Object `json:"virtual_routes,omitempty"`
	Rules  []Object `json:"virtual_rules,omitempty"`
	// NoAccept: packets to the addresses are dropped while this is MASTER.
	NoAccept   bool   `json:"no_accept,omitempty"`
	ApplyError string `json:"address_error,omitempty"`
	PortError  string `json:"interface_error,omitempty"`
	SendError  string `json:"send_error,omitempty"`

	AdvertsSent     uint64            `json:"adverts_sent"`
	AdvertsReceived uint64            `json:"adverts_received"`
	AdvertsIgnored  uint64            `json:"adverts_ignored,omitempty"` // in INIT, FAULT or the start-up delay
	SendErrors      uint64            `json:"send_errors"`
	AdvertsCopied   uint64            `json:"adverts_copied,omitempty"` // had come on another path
	Refused         []Refused         `json:"refused,omitempty"`
	Transitions     uint64            `json:"became_master"`
	Drops           map[string]uint64 `json:"drops,omitempty"`
}

// Priority is how the effective priority comes about.
type Priority struct {
	Effective     uint8          `json:"effective"`
	Base          uint8          `json:"base"`
	Advertised    uint8          `json:"advertised"` // on the wire as master
	Contributions []Contribution `json:"contributions,omitempty"`
}

// Contribution is what one tracked thing adds.
type Contribution struct {
	Track string `json:"track"`
	State string `json:"state"` // up, down, or pending before the first result
	Value int    `json:"value"`
	// Weight and Reverse are configured; weight 0 decides about FAULT alone.
	Weight  int  `json:"weight"`
	Reverse bool `json:"reverse,omitempty"`
	// Number is what a file holds; Weight multiplies it. Nil: not a file, or
	// not read yet.
	Number *int `json:"number,omitempty"`
}

// Mismatch is another router that advertises an address of an instance by a VRID
// that is not the instance's: neither hears the other.
type Mismatch struct {
	Addr     netip.Addr `json:"address"` // its own
	VRID     uint8      `json:"virtual_router_id"`
	VIP      netip.Addr `json:"virtual_ipaddress"` // the first one in its list that is ours
	Priority uint8      `json:"priority"`
	Since    time.Time  `json:"since"`
	Last     time.Time  `json:"last_heard"`
	Now      bool       `json:"now"` // heard within four of its intervals, or 3 s
}

// Claim is another machine that announced, by gratuitous ARP, an address that
// is held here.
type Claim struct {
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac"`
	Last    time.Time  `json:"last"`
	Count   uint64     `json:"count"` // of all addresses, those within a second as one
}

// Peer is another router heard on the segment.
type Peer struct {
	Addr      netip.Addr `json:"address"`
	Priority  uint8      `json:"priority"`
	LastHeard time.Time  `json:"last_heard"`
	AdvertInt float64    `json:"advert_int,omitempty"` // that it advertises, in seconds
	Agrees    bool       `json:"agrees"`               // advertises our list of addresses
	Foreign   bool       `json:"foreign,omitempty"`    // none of its addresses is ours
	Path      string     `json:"path,omitempty"`       // interface that it was last heard on, with advert_paths
	Signed    bool       `json:"signed,omitempty"`     // auth_hmac or AH, verified
	Checksum  string     `json:"checksum,omitempty"`   // form of its last advert's checksum
	// Checksums counts its adverts by form; version 3 only.
	Checksums map[string]uint64 `json:"checksums,omitempty"`
}

// Path is one way of the adverts of an instance with advert_paths.
type Path struct {
	Interface string     `json:"interface"`
	Source    netip.Addr `json:"source"`
	Up        bool       `json:"up"`
	Error     string     `json:"error,omitempty"`
	LastHeard time.Time  `json:"last_heard,omitzero"`
	Silent    bool       `json:"silent"` // nothing comes here while adverts come on another path
}

// Refused is the last advert that was dropped for a reason.
type Refused struct {
	Reason string     `json:"reason"`
	Source netip.Addr `json:"source"`
	Last   time.Time  `json:"last"`
	Count  uint64     `json:"count"`
}

// VIP is one virtual address.
type VIP struct {
	Address  netip.Prefix `json:"address"`
	Present  bool         `json:"present"`
	Wanted   bool         `json:"wanted"`
	Excluded bool         `json:"excluded,omitempty"`
}

// Object is one route or rule.
type Object struct {
	Text   string `json:"text"`
	Wanted bool   `json:"wanted"` // it is to be in the kernel now
}

// Static is what is in the kernel whoever is master.
type Static struct {
	TrackGroup string   `json:"track_group,omitempty"`
	State      string   `json:"state"` // up, down or, before the kernel has answered, pending
	Addresses  []VIP    `json:"static_ipaddress,omitempty"`
	Routes     []Object `json:"static_routes,omitempty"`
	Rules      []Object `json:"static_rules,omitempty"`
	Error      string   `json:"error,omitempty"`
}

// Group is one sync group.
type Group struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Members []string `json:"members"`
}

// Port is one place where adverts come in.
type Port struct {
	Interface   string `json:"interface"`
	Destination string `json:"destination"`
	Packets     uint64 `json:"packets"`
	UnknownVRID uint64 `json:"unknown_vrid"`
	Short       uint64 `json:"short"`
}

// Script is one tracked vrrp_script.
type Script struct {
	Name     string    `json:"name"`
	State    string    `json:"state"`          // up, down, or pending before the first result
	Last     string    `json:"last,omitempty"` // how the last run ended
	LastAt   time.Time `json:"last_at,omitzero"`
	Runs     uint64    `json:"runs"`
	Failed   uint64    `json:"failed"`
	TimedOut uint64    `json:"timed_out"`
	Skipped  uint64    `json:"skipped"` // ticks at which the run before was still going on
}
