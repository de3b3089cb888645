package control

import "time"

// Tracked is what is tracked besides scripts and interfaces.
type Tracked struct {
	Files     []File           `json:"track_file,omitempty"`
	Processes []TrackedProcess `json:"vrrp_track_process,omitempty"`
	// Blind says why the kernel does not tell when processes start and end;
	// /proc is then read once a second.
	Blind string `json:"process_events_error,omitempty"`
	BFD   []BFD  `json:"bfd_instance,omitempty"`
	// Links are the interfaces of linkbeat_interfaces.
	Links []Link `json:"linkbeat_interfaces,omitempty"`
}

// Link is an interface whose driver is asked for its link.
type Link struct {
	Interface string `json:"interface"`
	Up        bool   `json:"up"`
	Kind      string `json:"kind"` // MII, ETHTOOL or IOCTL: what the driver answers
	Error     string `json:"error,omitempty"`
}

// File is one track_file.
type File struct {
	Name    string    `json:"name"`
	Path    string    `json:"file"`
	Number  int       `json:"number"`
	There   bool      `json:"exists"`
	Error   string    `json:"error,omitempty"` // why the number is 0 although the file exists
	Changes uint64    `json:"changes"`
	LastAt  time.Time `json:"last_at,omitzero"`
}

// TrackedProcess is one vrrp_track_process.
type TrackedProcess struct {
	Name      string    `json:"name"`
	State     string    `json:"state"` // up or down
	Running   int       `json:"running"`
	Quorum    int       `json:"quorum"`
	QuorumMax int       `json:"quorum_max"` // -1: no limit
	Changes   uint64    `json:"changes"`
	LastAt    time.Time `json:"last_at,omitzero"`
}

// BFD is one BFD session.
type BFD struct {
	Name     string `json:"name"`
	Neighbor string `json:"neighbor_ip"`
	State    string `json:"state"` // as of RFC 5880: AdminDown, Down, Init, Up
	Remote   string `json:"remote_state"`
	Diag     string `json:"diagnostic,omitempty"`
	Track    string `json:"track"` // up or down: what virtual routers go by
	// TX is the interval at which packets are sent, Detection the silence after
	// which the neighbour counts as down, in seconds.
	TX        float64   `json:"tx"`
	Detection float64   `json:"detection_time"`
	Error     string    `json:"error,omitempty"` // why nothing can be sent
	Sent      uint64    `json:"sent"`
	Received  uint64    `json:"received"`
	Dropped   uint64    `json:"dropped"`
	LastAt    time.Time `json:"last_at,omitzero"`
}
