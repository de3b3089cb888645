package notify

import (
	"net/netip"
	"reflect"
	"testing"
)

func TestLines(t *testing.T) {
	v4 := Service{Addr: netip.MustParseAddr("192.0.2.1"), Port: 80, Protocol: 6}
	v6 := Service{Addr: netip.MustParseAddr("2001:db8::1"), Port: 53, Protocol: 17}
	rs := netip.MustParseAddrPort("198.51.100.1:80")
	for _, c := range []struct{ got, want string }{
		{Transition{Name: "VI_1", State: "MASTER", Priority: 100}.Line(), `INSTANCE "VI_1" MASTER 100`},
		{Transition{Name: "VI_1", State: "FAULT", Priority: 100}.Line(), `INSTANCE "VI_1" FAULT 100`},
		{Transition{Name: "VI_1", State: "STOP", Priority: 100}.Line(), `INSTANCE "VI_1" STOP 100`},
		{Transition{Group: true, Name: "G1", State: "MASTER"}.Line(), `GROUP "G1" MASTER 0`},
		{RxLowerLine("VI_1", 100), `INSTANCE "VI_1" MASTER_RX_LOWER_PRI 100`},
		{PriorityLine("VI_1", "MASTER", 95), `INSTANCE "VI_1" MASTER_PRIORITY 95`},
		{PriorityLine("VI_1", "BACKUP", 95), `INSTANCE "VI_1" BACKUP_PRIORITY 95`},
		{ServiceLine(v4, true), `VS [192.0.2.1]:tcp:80 UP`},
		{ServiceLine(v6, false), `VS [2001:db8::1]:udp:53 DOWN`},
		{ServiceLine(Service{Group: "GROUPNAME", Protocol: 6}, false), `VS [GROUPNAME]:0 DOWN`},
		{ServiceLine(Service{FWMark: 1}, true), `VS FWM 1 UP`},
		{ServerLine(rs, v4, false), `RS [198.51.100.1]:tcp:80 [192.0.2.1]:tcp:80 DOWN`},
		{ServerLine(rs, Service{FWMark: 7, Protocol: 132}, true), `RS [198.51.100.1]:sctp:80 FWM 7 UP`},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
}

func TestTransitionCommands(t *testing.T) {
	master := Command{Args: []string{"/bin/m", "x"}, User: "u"}
	every := Command{Args: []string{"/bin/n", "y"}, Shell: true}
	tr := Transition{Name: "VI_1", State: "MASTER", Priority: 100}
	got := tr.Commands(master, every)
	want := []Command{
		master,
		{Args: []string{"/bin/n", "y", "INSTANCE", "VI_1", "MASTER", "100"}, Shell: true},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(every.Args) != 2 {
		t.Error("the configured command was changed")
	}
	if got := tr.Commands(Command{}, Command{}); len(got) != 0 {
		t.Errorf("no commands gave %v", got)
	}
	g := Transition{Group: true, Name: "G", State: "FAULT"}
	if got := g.Commands(Command{}, every)[0].Args; !reflect.DeepEqual(got[2:], []string{"GROUP", "G", "FAULT", "0"}) {
		t.Errorf("group arguments %q", got)
	}
	if g.Target() == (Transition{Name: "G"}).Target() {
		t.Error("a group and an instance of one name share a queue")
	}
}
