package lvsd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/ipc"
	"holdfast/internal/daemon/lvs"
	"holdfast/internal/daemon/notifier"
	"holdfast/internal/daemon/show"
	"holdfast/ipvs"
	"holdfast/vrrp/link"
)

// heldKernel stands still in the midst of what it is told while it is held. What it
// has is read meanwhile.
type heldKernel struct {
	ipvs.Kernel
	held chan chan struct{} // takes the one whose closing lets go
}

func (k *heldKernel) Apply(ops []ipvs.Op) error {
	select {
	case release := <-k.held:
		<-release
	default:
	}
	return k.Kernel.Apply(ops)
}

func (k *heldKernel) Close() error { return nil }

// noLinks are no interfaces, for ever.
type noLinks struct{}

func (noLinks) List() ([]link.Interface, error) { return nil, nil }

func (noLinks) Watch(stop <-chan struct{}, _ func(link.Update)) error {
	<-stop
	return nil
}

// many are n services of a server each.
func many(n int, weight int32) *config.Config {
	c := &config.Config{}
	for i := range n {
		v := config.VirtualServer{
			Addr: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), Port: 80, Protocol: 6, Family: 4,
			LBAlgo: "rr", Quorum: 1, Forward: config.Forward{Method: config.DR},
		}
		v.RealServers = []config.RealServer{{Addr: netip.AddrFrom4([4]byte{198, 51, 100, 1}), Port: 80, Weight: weight, Forward: v.Forward}}
		c.VirtualServers = append(c.VirtualServers, v)
	}
	return c
}

// TestTheStatusOfManyServicesWhileTheRoleIsBusy asks a role that the kernel keeps
// waiting in the midst of a reload of 10,000 services: it tells how all of them were,
// and for how long it has been busy with what. Then it tells how they are.
func TestTheStatusOfManyServicesWhileTheRoleIsBusy(t *testing.T) {
	const services = 10000
	synctest.Test(t, func(t *testing.T) {
		kernel := &heldKernel{&ipvs.Fake{}, make(chan chan struct{}, 1)}
		l := lvs.New(many(services, 1), lvs.Deps{Open: func() (ipvs.Kernel, error) { return kernel, nil }, Links: noLinks{}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		if err := l.Worked(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()

		var answer ipc.Message
		s := &statuses{ask: l.Status, busy: l.Busy, out: func() notifier.Status { return notifier.Status{} }, post: func(m ipc.Message) { answer = m }}
		ask := func() (said control.LVS) {
			t.Helper()
			s.status(1)
			if err := json.Unmarshal(answer.Body, &said); err != nil || answer.Type != ipc.TypeStatus || answer.Err != "" {
				t.Fatalf("%v: %s %s", err, answer.Type, answer.Err)
			}
			return said
		}
		weights := func(said *control.LVS, want uint64) {
			t.Helper()
			if len(said.Services) != services {
				t.Fatalf("%d services", len(said.Services))
			}
			for i := range said.Services {
				v := &said.Services[i]
				if name := fmt.Sprintf("[10.0.%d.%d]:tcp:80", i>>8, i&255); v.Name != name || !v.Up || !v.Installed || v.Weight != want {
					t.Fatalf("service %d, %s: %+v", i, name, v)
				}
			}
		}
		before := ask()
		if before.Busy != nil {
			t.Fatalf("busy at rest: %+v", before.Busy)
		}
		weights(&before, 1)
		at := time.Now()
		time.Sleep(time.Minute)

		release := make(chan struct{})
		kernel.held <- release
		reloaded := make(chan error, 1)
		begun := time.Now()
		go func() { reloaded <- l.Reload(ctx, many(services, 3)) }()
		synctest.Wait() // the reload waits for the kernel
		go func() {
			time.Sleep(statusEvery + answerLimit/2)
			close(release)
		}()
		busy := ask()
		if b := busy.Busy; b == nil || b.With != "a reload" || !b.Since.Equal(begun) || !b.AsOf.Equal(at) {
			t.Fatalf("in the midst of a reload: %+v", busy.Busy)
		}
		weights(&busy, 1)
		var text bytes.Buffer
		if err := show.Status(&text, &control.Status{LVS: answer.Body}); err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(text.String(), "virtual_server ")
		if !strings.Contains(head, "lvs is busy with a reload for ") || !strings.Contains(head, "what follows was so at "+at.Format(time.DateTime)) ||
			strings.Count("virtual_server "+rest, "virtual_server ") != services {
			t.Errorf("shown: %d bytes, beginning with %q", text.Len(), head)
		}
		if err := <-reloaded; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if after := ask(); after.Busy != nil {
			t.Errorf("busy after the reload: %+v", after.Busy)
		} else {
			weights(&after, 3)
		}
		s.last.drop.Stop()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
