package config

import (
	"math"
	"net/netip"
	"time"
)

// building holds what is known while the statements are decoded: values that
// may still be unset, with the places they came from.
type building struct {
	global    globals
	given     map[onceKey]bool  // see once
	names     map[onceKey]bool  // see taken
	nobody    map[*Command]bool // scripts whose user does not exist
	scripts   map[string]*VRRPScript
	files     map[string]*TrackFile
	processes map[string]*TrackProcess
	bfds      map[string]*BFDInstance
	instances []*instance
	byName    map[string]*instance
	groups    []*group
	groupName map[string]bool
	services  []*service

	// What is decoded into and then copied, for the next block.
	real    spare[realServer]
	checker spare[checker]
	reals   []realServer             // of the service whose block is open
	seen    map[netip.AddrPort]place // of finishService
	texts   []string                 // the files of places
	textAt  map[string]int           // where each is there

	serviceGroups []*serviceGroup
	kept          []*service // those in the configuration, in its order
	hints         int        // proposals made
	lints         map[string]lints
	rules         int // rules without a preference

	trackGroups []*trackGroup
	uses        []groupUse // of track_group

	devices    map[string]string // names of VMACs -> their instance
	vmacs      map[vmacPlace]*sharedVMAC
	garpGroups []*garpGroup

	scriptPos map[string]Pos
	programs  map[string][]mention
	mail      bool // "no mail is sent" was said

	forServices []mention // keywords of which nothing comes without a service
}

// globals is global_defs in the making.
type globals struct {
	GlobalDefs
	defaultInterface  string
	lowerPrioNoAdvert *bool
	higherSaid        bool // vrrp_higher_prio_send_advert is given
	ownerIgnore       *bool
	checksumAs        bool // v3_checksum_as_v2
	dropList          bool // vrrp_drop_adv_addr_mismatch
	downTimerAdverts  int
	logAllFailures    bool // checker_log_all_failures
	smtpAlert         *bool
	smtpAlertVRRP     *bool
	smtpAlertChecker  *bool
	syncPos           Pos
	followPos         Pos
	quiescent         bool
}

// unset marks a count or a delay that was not given.
const unset = -1

func newBuilding(d *decoder) *building {
	b := &building{
		scripts:   map[string]*VRRPScript{},
		files:     map[string]*TrackFile{},
		processes: map[string]*TrackProcess{},
		bfds:      map[string]*BFDInstance{},
		byName:    map[string]*instance{},
		groupName: map[string]bool{},
		devices:   map[string]string{},
		vmacs:     map[vmacPlace]*sharedVMAC{},
		scriptPos: map[string]Pos{},
		programs:  map[string][]mention{},
		nobody:    map[*Command]bool{},
		given:     map[onceKey]bool{},
		names:     map[onceKey]bool{},
		seen:      map[netip.AddrPort]place{},
	}
	b.global = globals{
		GlobalDefs: GlobalDefs{
			RouterID:           d.opts.Hostname,
			SMTPPort:           25,
			SMTPConnectTimeout: 30 * time.Second,
			VRRPVersion:        2,
			VRRPMcastGroup4:    netip.AddrFrom4([4]byte{224, 0, 0, 18}),
			VRRPMcastGroup6:    group6Default,
			GARP: GARP{
				Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1,
				LowerPrioDelay: unset, LowerPrioRep: unset,
			},
			StandbyChecks: true,
			NFTables:      NFTables{Table: defaultTable, Priority: -1},
			VMACPrefix:    "vrrp",
			AutoPriority:  AutoPriority{Delay: time.Second}, RxBufs: RxBufs{Multiplier: 3},
			StartupScriptTimeout: defaultProgramLimit, ShutdownScriptTimeout: defaultProgramLimit,
			IPVSMarks:   IPVSMarks{Table: "keepalived_ipvs", Priority: -1, Start: 1000},
			DaemonFiles: DaemonFiles{JSONVersion: 1},
			SNMP:        SNMP{VSInterval: 5 * time.Second},
			DBus:        DBus{ServiceName: "org.keepalived.Vrrp1"},
		},
		downTimerAdverts: 3,
	}
	if d.toml() {
		b.global.LVSFollowVRRP = FollowAuto
		b.global.GARP.Refresh = tomlRefresh
		b.global.HigherPrioSendAdvert = true
	}
	return b
}

// garpDefaults fills what is not given for adverts of lower priority.
func garpDefaults(g GARP, delay time.Duration, repeat int) GARP {
	if g.LowerPrioDelay == unset {
		g.LowerPrioDelay = delay
	}
	if g.LowerPrioRep == unset {
		g.LowerPrioRep = repeat
	}
	return g
}

// instance is a vrrp_instance in the making.
type instance struct {
	VRRPInstance
	pos          Pos
	interfacePos Pos
	vridSet      bool
	priority     int // 0: not given
	wantMaster   bool
	wantBackup   bool // state was given, and is not MASTER
	ttlGiven     bool
	strict       *bool
	accept       *bool // accept, no_accept
	garpLower    bool  // garp_lower_prio_repeat was given, and not 0
	lowerPrio    *bool
	ownerIgnore  *bool
	higherPrio   *bool
	priorityNote *bool
	polled       bool // linkbeat_use_polling
	unicast      bool
	unicastPos   Pos
	end          Pos // of the block
	noVIPs       bool
	priorityPos  Pos
	authInstance
	vmacPos   Pos
	vmacBytes []byte // of the MAC given: five or six
	vipPos    Pos
	foreign   []foreign // values of another family than the first
	smtpAlert *bool
}

// group is a vrrp_sync_group in the making.
type group struct {
	SyncGroup
	pos          Pos
	memberPos    []Pos
	listed       bool // group was there
	emptyAt      Pos  // where a group without members was closed
	smtpAlert    *bool
	priorityNote *bool
	ofBlock      bool // made for a block of both families
}

// service is a virtual_server in the making. There are thousands, all at the same
// time.
type service struct {
	VirtualServer
	entries   *serviceGroup // of Group
	more      []uint8       // further protocols, in TOML
	check     checkDefaults
	quiescent *bool
	slowStart time.Duration
	reals     []pendingReal // of RealServers
	smtpAlert *bool

	pos, end    place
	protocolPos place // where one was written, also one that is not taken; zero: nowhere

	weight       int32
	protocolSet  bool
	refused      bool // something in it could not be read, which is reported
	fallbackSet  bool // sh-fallback or mh-fallback is given
	methodSet    bool
	sorryMethod  bool
	sorryPortSet bool
	sorryEarly   bool // the sorry server stands above the method of the service
	persistent   bool
	prefixFirst  bool // persistence_granularity is a number and stands where the family is not known
	familySet    bool
	inhibit      bool
	firstFamily  Family // of the servers, for keepalived: see tunnelBelow
}

// realServer is a real_server in the making.
type realServer struct {
	RealServer
	pendingReal
	check     checkDefaults
	checkers  []inheriting // of Checkers
	slowStart *time.Duration
	weightSet bool
	known     bool // see remember
}

// scripts are those of the service, to be set.
func (s *service) scripts() *QuorumScripts {
	if s.Scripts == nil {
		s.Scripts = &QuorumScripts{}
	}
	return s.Scripts
}

// scripts are those of the server, to be set.
func (r *realServer) scripts() *ServerScripts {
	x := r.extras()
	if x.Scripts == nil {
		x.Scripts = &ServerScripts{}
	}
	return x.Scripts
}

// extras are those of the server, to be set.
func (r *RealServer) extras() *ServerExtras {
	if r.Extras == nil {
		r.Extras = &ServerExtras{}
	}
	return r.Extras
}

// pendingReal is what is kept of a real_server block, beside its RealServer,
// until the end: there are tens of thousands.
type pendingReal struct {
	begin, end place
	methodSet  bool
	inhibitSet bool
	early      bool // see tunnelBelow
	alertSet   bool // smtp_alert is given, in RealServer
}

// place is a Pos in less memory.
type place struct {
	line   uint32
	column uint16 // of those behind the last one it is that
	file   uint16 // which of texts, from 1; 0: it is not known, as that of the zero Pos
}

// place keeps a Pos.
func (d *decoder) place(p Pos) place {
	b := d.state
	at := len(b.texts) - 1
	if at < 0 || b.texts[at] != p.File { // the newest one is most often where one reads
		var ok bool
		if at, ok = b.textAt[p.File]; !ok {
			if p == (Pos{}) || len(b.texts) == math.MaxUint16 {
				return place{}
			}
			if b.textAt == nil {
				b.textAt = map[string]int{}
			}
			at = len(b.texts)
			b.texts, b.textAt[p.File] = append(b.texts, p.File), at
		}
	}
	return place{uint32(p.Line), uint16(min(p.Column, math.MaxUint16)), uint16(at + 1)}
}

// pos is what place kept.
func (d *decoder) pos(p place) Pos {
	if p.file == 0 {
		return Pos{}
	}
	return Pos{d.state.texts[p.file-1], int(p.line), int(p.column)}
}

func ptr[T any](v T) *T { return &v }

// spare keeps a T for the next use: there are tens of thousands of some blocks,
// and each is copied to its place when it is whole.
type spare[T any] struct{ free *T }

// take returns a zero T.
func (s *spare[T]) take() *T {
	t := s.free
	s.free = nil
	if t == nil {
		t = new(T)
	}
	return t
}

// give takes back what take returned, unless something knows it by its address.
func (s *spare[T]) give(t *T, known bool) {
	if known {
		return
	}
	var zero T
	*t = zero
	s.free = t
}

// remember says that the address of target, which is being decoded into, is
// kept: it may not be used for another block.
func remember(target any) {
	switch t := target.(type) {
	case *realServer:
		t.known = true
	case *checker:
		t.known = true
	}
}
