package link

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"holdfast/vrrp/route"
)

// An overrun of the socket, as one that takes a whole routing table makes again
// and again, is no loss: it only has everybody ask anew, and not too often.
func TestOverrunIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost, doubted []int
		w := &objectWatch{
			lost:  func(owner int) { lost = append(lost, owner) },
			doubt: func(owner int) { doubted = append(doubted, owner) },
		}
		rule := route.Rule{Family: 4, Action: route.ToTable, Table: 100, Priority: 7}
		body, err := rule.Body()
		o := object(t, ObjectRule, body, err)
		key, _ := keyOf(o.Kind, []byte(o.Body))
		w.owners = map[objectKey][]int{key: {3}}

		fail := make(chan error)
		quit, done := make(chan struct{}), make(chan struct{})
		go w.read(func() ([]netlink.Message, error) {
			if err := <-fail; err != nil {
				return nil, err
			}
			return []netlink.Message{{Header: netlink.Header{Type: unix.RTM_DELRULE}, Data: []byte(o.Body)}}, nil
		}, quit, done)
		fail <- unix.ENOBUFS
		synctest.Wait()
		if len(lost) != 0 || !slices.Equal(doubted, []int{3}) {
			t.Fatalf("lost %v, in doubt %v", lost, doubted)
		}
		fail <- nil // after the pause
		synctest.Wait()
		if !slices.Equal(lost, []int{3}) || len(doubted) != 1 {
			t.Fatalf("of a removal: lost %v, in doubt %v", lost, doubted)
		}
		began := time.Now()
		for range 20 {
			fail <- unix.ENOBUFS
		}
		if took := time.Since(began); took < time.Minute {
			t.Fatalf("20 overruns in a row were told within %v", took)
		}
		synctest.Wait()
		w.closed = true
		at := time.Now()
		close(quit)
		fail <- unix.ENOBUFS
		<-done
		if took := time.Since(at); took != 0 {
			t.Fatalf("closing took %v", took)
		}
	})
}

// A route that a routing daemon removes is not ours, wherever it leads.
func TestRemovalOfAnothersRoute(t *testing.T) {
	var lost []int
	w := &objectWatch{lost: func(owner int) { lost = append(lost, owner) }}
	encode := func(protocol uint8) []byte {
		r := route.Route{Family: 4, To: netip.MustParsePrefix("10.1.0.0/16"), Metric: 5, Protocol: protocol}
		body, err := r.Body(eth0, nil)
		return []byte(object(t, ObjectRoute, body, err).Body)
	}
	key, _ := keyOf(ObjectRoute, encode(0))
	w.owners = map[objectKey][]int{key: {3}}
	removal := func(body []byte) []netlink.Message {
		return []netlink.Message{{Header: netlink.Header{Type: unix.RTM_DELROUTE}, Data: body}}
	}
	w.news(removal(encode(186)))
	if len(lost) > 0 {
		t.Error("the removal of BGP's route counts as that of ours")
	}
	w.news(removal(encode(0)))
	if !slices.Equal(lost, []int{3}) {
		t.Errorf("lost %v", lost)
	}
}
