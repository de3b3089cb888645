package lvs

import (
	"strings"
	"testing"
	"time"

	"holdfast/integration/uml"
)

const syncConf = `
global_defs {
    lvs_sync_daemon lan0 VI_1 OPTIONS
    lvs_notify_fifo DIR/fifo
}
vrrp_instance VI_1 {
    interface lan0
    virtual_router_id 77
    priority 200
    advert_int 2
    virtual_ipaddress {
        192.0.2.1/24
    }
}
virtual_server 192.0.2.1 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    real_server 198.51.100.1 80 {
    }
}
`

func TestSyncDaemonsAreKeepaliveds(t *testing.T) {
	need(t, "keepalived")
	if uml.RunTest(t, modules) {
		return
	}
	for _, options := range []string{"", "id 5 maxlen 1400 port 9000 ttl 3 group 224.0.0.99"} {
		s := newSideBySide(t)
		s.start(strings.Replace(syncConf, "OPTIONS", options, 1))
		time.Sleep(time.Second)
		s.compare("backup "+options, inAnyOrder)
		s.lvs.RouterStates(RouterState{Name: "VI_1", Master: true}) // keepalived becomes master after 6.4 s
		time.Sleep(4 * time.Second)
		s.compare("master "+options, inAnyOrder)
		s.end()
		s.keepalivedLog()
		if t.Failed() {
			return
		}
		s.clean()
	}
	// Without an instance both roles run.
	s := newSideBySide(t)
	defer s.keepalivedLog()
	s.start(strings.Replace(syncConf, "VI_1 OPTIONS", "id 9", 1), "-C")
	s.step("both roles")
	s.end()
}
