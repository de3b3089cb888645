package config

import "sync"

// rowTable is some rows of one block. They are made when a word is looked up that no
// table before this one has: most configurations use few of them, and all together
// are most of a megabyte.
type rowTable struct {
	block string // its path
	build func() []Keyword

	once  sync.Once
	rows  []Keyword
	names map[string]*Keyword // aliases as well
}

// tables make up the schema, in the order of the reference. The first row of a
// name in a block wins.
var tables = [...]rowTable{
	{block: "", build: rootRows},
	{block: "", build: staticRows},
	{block: "", build: daemonRows},
	{block: pathGlobal, build: mailRows},
	{block: pathGlobal, build: vrrpGlobalRows},
	{block: pathGlobal, build: programGlobalRows},
	{block: pathGlobal, build: lvsGlobalRows},
	{block: pathGlobal, build: firewallRows},
	{block: pathGlobal, build: programRows},
	{block: pathGlobal, build: processRows},
	{block: pathGlobal, build: poolGlobalRows},
	{block: pathGlobal, build: fileRows},
	{block: pathGlobal, build: outletRows},
	{block: pathGlobal, build: vmacGlobalRows},
	{block: pathGlobal, build: ipv6GlobalRows},
	{block: pathGlobal, build: authGlobalRows},
	{block: pathGlobal, build: garpGlobalRows},
	{block: "garp_group", build: garpGroupRows},
	{block: "vrrp_script", build: scriptRows},
	{block: "vrrp_sync_group", build: groupRows},
	{block: "track_group", build: trackGroupRows},
	{block: pathInstance, build: instanceRows},
	{block: pathInstance, build: policyRows},
	{block: pathInstance + "/authentication", build: authenticationRows},
	{block: pathInstance + "/auth_hmac", build: hmacRows},
	{block: "", build: trackRootRows},
	{block: pathGlobal, build: trackGlobalRows},
	{block: "track_file", build: trackFileRows},
	{block: "vrrp_track_process", build: trackProcessRows},
	{block: "bfd_instance", build: bfdRows},
	{block: pathInstance, build: linkbeatRows},
	{block: pathService, build: serviceRows},
	{block: pathService, build: poolServiceRows},
	{block: pathService, build: serviceDefaultRows},
	{block: pathReal, build: realRows},
	{block: pathReal, build: checkerRows},
	{block: pathReal, build: poolRealRows},
	{block: pathReal, build: realDefaultRows},
	{block: "SSL", build: sslRows},
	{block: pathReal + "/" + string(TCPCheck), build: tcpRows},
	{block: pathReal + "/" + string(HTTPGet), build: httpRows},
	{block: pathReal + "/" + string(HTTPGet) + "/url", build: urlRows},
	{block: pathReal + "/" + string(SSLGet), build: sslGetRows},
	{block: pathReal + "/" + string(SSLGet) + "/url", build: sslURLRows},
	{block: pathReal + "/" + string(MiscCheck), build: miscRows},
	{block: pathReal + "/" + string(SMTPCheck), build: smtpRows},
	{block: pathReal + "/" + string(SMTPCheck) + "/host", build: smtpHostRows},
	{block: pathReal + "/" + string(DNSCheck), build: dnsRows},
	{block: pathReal + "/" + string(UDPCheck), build: udpRows},
	{block: pathReal + "/" + string(PingCheck), build: pingRows},
	{block: pathReal + "/" + string(FileCheck), build: fileCheckRows},
	{block: pathReal + "/" + string(BFDCheck), build: bfdCheckRows},
	{block: pathInstance + "/virtual_ipaddress", build: addressWords},
	{block: pathInstance + "/virtual_routes", build: routeWords},
	{block: pathInstance + "/virtual_rules", build: ruleWords},
	{block: "virtual_server_group", build: groupWords},
}

// Paths of blocks with several tables, or with blocks inside.
const (
	pathGlobal   = "global_defs"
	pathInstance = "vrrp_instance"
	pathService  = "virtual_server"
	pathReal     = pathService + "/real_server"
)

// made is the table with its rows.
func (t *rowTable) made() *rowTable {
	t.once.Do(func() {
		t.rows = t.build()
		t.names = make(map[string]*Keyword, len(t.rows))
		for i := range t.rows {
			k := &t.rows[i]
			k.Block = t.block
			if k.path = k.Name; k.Block != "" {
				k.path = k.Block + "/" + k.Name
			}
			k.inner = blocks()[k.path]
			t.names[k.Name] = k
		}
		for i := range t.rows {
			for _, a := range t.rows[i].Aliases {
				if t.names[a] == nil {
					t.names[a] = &t.rows[i]
				}
			}
		}
	})
	return t
}

// blockRows are all rows of one block.
type blockRows struct{ tables []*rowTable }

// find returns the row of a keyword, or of an alias; nil: there is none.
func (b *blockRows) find(name string) *Keyword {
	if b == nil {
		return nil
	}
	for _, t := range b.tables {
		if k := t.made().names[name]; k != nil {
			return k
		}
	}
	return nil
}

// all returns the rows in the order of declaration.
func (b *blockRows) all() []*Keyword {
	var out []*Keyword
	if b == nil {
		return nil
	}
	for _, t := range b.tables {
		for i := range t.made().rows {
			out = append(out, &t.rows[i])
		}
	}
	return out
}

// words returns the names and aliases of all rows, in no order.
func (b *blockRows) words() []string {
	var out []string
	for _, k := range b.all() {
		out = append(append(out, k.Name), k.Aliases...)
	}
	return out
}

// byPath are the tables of each block; blocks makes it.
var (
	byPath     map[string]*blockRows
	byPathOnce sync.Once
)

// blocks are the tables by path, which does not make their rows.
func blocks() map[string]*blockRows {
	byPathOnce.Do(func() { byPath = tablesByPath() })
	return byPath
}

func tablesByPath() map[string]*blockRows {
	m := make(map[string]*blockRows, len(tables))
	for i := range tables {
		t := &tables[i]
		b := m[t.block]
		if b == nil {
			b = &blockRows{}
			m[t.block] = b
		}
		b.tables = append(b.tables, t)
	}
	return m
}

// placesOf are the blocks that have a keyword of this very name.
func placesOf(name string) (places []string) {
	for i := range tables {
		if k := tables[i].made().names[name]; k != nil && k.Name == name {
			place := k.Block
			if place == "" {
				place = "the top level"
			}
			places = append(places, place)
		}
	}
	return places
}
