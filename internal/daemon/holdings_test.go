package daemon

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/link"
)

func TestHoldingsKnowWhatADeadProcessMayHaveLeft(t *testing.T) {
	one := []link.Address{{Ifindex: 2, Prefix: netip.MustParsePrefix("192.0.2.10/24")}}
	two := []link.Address{{Ifindex: 2, Prefix: netip.MustParsePrefix("192.0.2.20/24")}}
	var h holdings
	h.said(ipc.Held{Router: "VI_1", Master: true, Wanted: link.Wanted{Addresses: one}})
	h.said(ipc.Held{Router: "VI_2", Master: true, Wanted: link.Wanted{Addresses: two}})
	// VI_2 is backup now; whether its address is gone already nobody knows.
	h.said(ipc.Held{Router: "VI_2"})
	if got := h.all(); !slices.Equal(got.Addresses, one) {
		t.Errorf("while it runs: %v", got)
	}
	h.died()
	if _, resumed := h.orphans["VI_2"]; resumed {
		t.Error("a router that had left MASTER would be resumed")
	}
	if got := h.left(); !slices.Equal(got.Addresses, append(slices.Clone(two), one...)) {
		t.Errorf("after its death: %v", got)
	}
	h.swept()
	if got := h.left(); !got.Empty() {
		t.Errorf("after the sweep: %v", got)
	}

	h.said(ipc.Held{Router: "VI_2", Master: true, Wanted: link.Wanted{Addresses: two}})
	h.said(ipc.Held{Router: "VI_2"})
	r := h.released["VI_2"]
	r.at = time.Now().Add(-releaseTime)
	h.released["VI_2"] = r
	h.died()
	if got := h.left(); !got.Empty() {
		t.Errorf("what was given up long ago: %v", got)
	}
}
