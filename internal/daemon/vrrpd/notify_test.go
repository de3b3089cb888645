package vrrpd

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon/notifier"
	"holdfast/vrrp"
	"holdfast/vrrp/engine"
)

// A router that a reload replaces, as one on another interface, is deleted and begins
// anew under its name: the scripts of that name go on. Those of a router that is removed
// hear of its deletion, and of nothing more.
func TestScriptsOfARouterThatIsReplaced(t *testing.T) {
	was := notifier.StopLimit
	notifier.StopLimit = time.Minute // for scripts on a busy machine
	t.Cleanup(func() { notifier.StopLimit = was })
	said := filepath.Join(t.TempDir(), "said")
	tell := func(who string) config.NotifySet {
		return config.NotifySet{Any: config.Command{Args: []string{"/bin/sh", "-c", `echo "` + who + ` $3" >>` + said, "sh"}}}
	}
	with := func(instances ...config.VRRPInstance) *config.Config { return &config.Config{Instances: instances} }
	kept, leaves := config.VRRPInstance{Name: "VI_1", Notify: tell("VI_1")}, config.VRRPInstance{Name: "VI_2", Notify: tell("VI_2")}

	tr := transitions{out: notifier.New(slog.New(slog.DiscardHandler))}
	changed := func(name string, to vrrp.State, deleted bool) {
		tr.changed(engine.Change{Name: name, To: to, Deleted: deleted})
	}
	tr.configure(with(kept, leaves), false)
	changed("VI_1", vrrp.Master, false)
	tr.configure(with(kept), false)
	changed("VI_1", vrrp.Init, true)
	changed("VI_1", vrrp.Backup, false)
	tr.configure(with(kept), false)
	changed("VI_1", vrrp.Init, true)
	changed("VI_1", vrrp.Master, false)
	tr.out.Close()

	want := "VI_1 MASTER\nVI_1 FAULT\nVI_1 BACKUP\nVI_1 FAULT\nVI_1 MASTER\n"
	if got, err := os.ReadFile(said); string(got) != want || err != nil {
		t.Errorf("the scripts were told\n%swant\n%s%v", got, want, err)
	}

	if err := os.Remove(said); err != nil {
		t.Fatal(err)
	}
	tr.out = notifier.New(slog.New(slog.DiscardHandler))
	changed("VI_2", vrrp.Init, true)
	changed("VI_2", vrrp.Master, false)
	tr.out.Close()
	if got, err := os.ReadFile(said); string(got) != "VI_2 FAULT\n" || err != nil {
		t.Errorf("the script of a router that is removed was told %q, %v", got, err)
	}
}
