package daemon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/show"
)

// TestTheStatusOfManyServicesComesWholeFromABusyLVS takes what an lvs process that is
// busy says of 10,000 services from its stream to who asks: all of it, and with what
// lvs is busy. It counts as an answer.
func TestTheStatusOfManyServicesComesWholeFromABusyLVS(t *testing.T) {
	const services = 10000
	since := time.Now().Add(-time.Minute).Round(0)
	said := control.LVS{Busy: &control.Busy{Busy: lvs.Busy{With: "a reload", Since: since}, AsOf: since.Add(-time.Second)}}
	for i := range services {
		said.Services = append(said.Services, lvs.ServiceStatus{
			Name: fmt.Sprintf("[10.0.%d.%d]:tcp:80", i>>8, i&255), Scheduler: "rr", Up: i%2 == 0, Wanted: true, Installed: true,
			Servers: []lvs.ServerStatus{{Addr: netip.MustParseAddr("198.51.100.1"), Port: 80, Weight: uint32(i), State: "up", Checks: []lvs.CheckStatus{}}},
		})
	}
	body, err := json.Marshal(said)
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t, "a")
	d.saysOf(role.LVS, string(body))
	d.run()
	d.story(role.LVS, began("a"), "peer")
	// On a slow machine an answer may come too late.
	s := d.status(func(s control.Status) bool { return len(s.Missing) == 0 })
	if !bytes.Equal(s.LVS, body) {
		t.Errorf("%d bytes, not the %d that were said", len(s.LVS), len(body))
	}
	if busy := show.Busy(&s, since.Add(90*time.Second)); busy != "lvs is busy with a reload for 1m30s" {
		t.Errorf("%q", busy)
	}
	var text strings.Builder
	s.VRRP = nil
	if err := show.Status(&text, &s); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count("\n"+text.String(), "\nvirtual_server "); n != services || !strings.Contains(text.String(), "what follows was so at ") {
		t.Errorf("%d services shown", n)
	}
}
