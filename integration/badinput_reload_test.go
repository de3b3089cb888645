package integration

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/integration/lab"
	"holdfast/internal/daemon/control"
)

// calm is a virtual router whose beat a busy machine does not disturb.
var calm = router{Version: 3, VRID: 87, Interval: 250 * time.Millisecond, Priority: 200}

// reloadWith replaces the daemon's file, has it read, and waits until it has
// said what came of it.
func (n *network) reloadWith(p *lab.Process, path string, text []byte) control.Config {
	n.t.Helper()
	if text == nil {
		if err := os.Remove(path); err != nil {
			n.t.Fatal(err)
		}
	} else if err := os.WriteFile(path, text, 0o644); err != nil {
		n.t.Fatal(err)
	}
	asked := time.Now()
	if err := p.Signal(syscall.SIGHUP); err != nil {
		n.t.Fatal(err)
	}
	var st control.Status
	if !lab.WaitFor(time.Minute, func() bool {
		st, _ = status(n.t, p.Host)
		return st.Config.LastReload.After(asked)
	}) {
		n.t.Fatal("the reload does not end")
	}
	return st.Config
}

// TestReloadUnchanged has a master read the same file again and again: nothing
// is to be seen of it on the wire.
func TestReloadUnchanged(t *testing.T) { patiently(reloadUnchangedRound)(t) }

func reloadUnchangedRound(t testing.TB) {
	lab.Require(t)
	n := directors(t, "reload")
	conf := calm.conf()
	p := n.start(n.a, ours(t), conf)
	n.holder(vip, "a", calm.down()+5*noise)
	time.Sleep(noise)
	since := time.Now()
	const reloads = 6
	for range reloads {
		if c := n.reloadWith(p, n.a.Path("keepalived.conf"), []byte(conf)); c.ReloadFailure != "" {
			t.Fatalf("the same file is refused: %s", c.ReloadFailure)
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(8 * calm.Interval) // enough adverts to judge, however quick the refusals were
	n.undisturbed("a", calm, since)
	if arps := n.gratuitous("a", since); arps != 0 && time.Since(since) < 4*time.Second {
		t.Errorf("%d gratuitous ARPs", arps)
	}
	for _, e := range n.watch.Events() {
		if e.At.After(since) {
			t.Errorf("%v: %v changed on %s", e.At, e.Addr, e.Host)
		}
	}
}

// TestReloadRefused gives a running master, in either language, what is no
// configuration: the message says why, the status too, and nobody else notices.
func TestReloadRefused(t *testing.T) {
	lab.Require(t)
	rng := rand.New(rand.NewPCG(3, 4))
	noiseText := make([]byte, 1<<16)
	for i := range noiseText {
		noiseText[i] = byte(rng.Uint32())
	}
	toml := fmt.Sprintf(`[global_defs]
router_id = "lab"
vrrp_version = 3

[vrrp_instance.VI_1]
state = "BACKUP"
interface = "eth0"
virtual_router_id = %d
priority = %d
advert_int = "250ms"
virtual_ipaddress = ["%s/24"]
`, calm.VRID, calm.Priority, vip)
	type wrong struct {
		name string
		text []byte // nil: there is no file
		says string
	}
	for _, c := range []struct {
		name, file, good string
		wrong            []wrong
	}{
		{"keepalived.conf", "keepalived.conf", calm.conf(), []wrong{
			{"random bytes", noiseText, ""},
			{"no file", nil, "there is no file"},
			{"a page of braces", bytes.Repeat([]byte("{"), 4096), ""},
			{"no virtual_router_id", []byte(strings.Replace(calm.conf(), "virtual_router_id 87", "", 1)), "virtual_router_id"},
		}},
		{"TOML", "holdfast.toml", toml, []wrong{
			{"unknown keyword", []byte(strings.Replace(toml, "priority =", "prioritty =", 1)), "prioritty"},
			{"cut short", []byte(toml[:len(toml)-10]), "holdfast.toml:"},
			{"another type", []byte(strings.Replace(toml, "priority = 200", "priority = [1, 2]", 1)), "priority"},
			{"random bytes", noiseText, "holdfast.toml:"},
			{"no file", nil, "no such file"},
		}},
	} {
		t.Run(c.name, patiently(func(t testing.TB) {
			n := directors(t, "refused")
			d := ours(t)
			p, err := n.a.StartDaemon(d, c.file, c.good)
			if err != nil {
				t.Fatal(err)
			}
			n.holder(vip, "a", calm.down()+5*noise)
			time.Sleep(noise)
			since := time.Now()
			for _, w := range c.wrong {
				from := len(p.Log())
				got := n.reloadWith(p, n.a.Path(c.file), w.text)
				if got.ReloadFailure == "" {
					t.Errorf("%s: taken for a configuration", w.name)
				}
				if log := p.Log()[from:]; !strings.Contains(log, w.says) {
					t.Errorf("%s: the log does not say %q:\n%s", w.name, w.says, log)
				}
			}
			time.Sleep(8 * calm.Interval) // enough adverts to judge, however quick the refusals were
			n.undisturbed("a", calm, since)
			if got := n.reloadWith(p, n.a.Path(c.file), []byte(c.good)); got.ReloadFailure != "" {
				t.Errorf("the good file is refused after the others: %s", got.ReloadFailure)
			}
			n.undisturbed("a", calm, since)
			for _, e := range n.watch.Events() {
				if e.At.After(since) {
					t.Errorf("%v: %v changed on %s", e.At, e.Addr, e.Host)
				}
			}
		}))
	}
}
