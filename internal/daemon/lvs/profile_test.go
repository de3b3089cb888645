package lvs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
)

// vsSettings is a kernel's settings of IPVS in memory.
type vsSettings struct {
	have   map[string]string
	writes []string
	refuse string // a name that cannot be written
}

func (v *vsSettings) deps(d *Deps) {
	k := *d.Sync
	k.Get = func(name string) (string, error) {
		if s, ok := v.have[name]; ok {
			return s, nil
		}
		return "", fmt.Errorf("setting %s: %w", name, fs.ErrNotExist)
	}
	k.Set = func(name, value string) error {
		if name == v.refuse {
			return errors.New("permission denied")
		}
		v.have[name] = value
		v.writes = append(v.writes, name+"="+value)
		return nil
	}
	d.Sync = &k
}

func (v *vsSettings) wrote() string {
	slices.Sort(v.writes)
	s := strings.Join(v.writes, " ")
	v.writes = nil
	return s
}

func profiled(names ...string) *config.Config {
	c := configOf(virtual(1, 1))
	c.Global.LVSProfile = names
	return c
}

// TestProfile: what a profile asks for is set, what the kernel does not have is
// left out, and what was there before comes back with the reload or the stop
// that no longer asks for it.
func TestProfile(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		was := map[string]string{"conn_reuse_mode": "1", "expire_nodest_conn": "0", "sloppy_tcp": "0", "sync_refresh_period": "7"}
		v := &vsSettings{have: maps.Clone(was)}
		r.start(profiled("director"), v.deps)
		if got := v.wrote(); got != "expire_nodest_conn=1" {
			t.Errorf("start writes %q", got)
		}
		if st := r.status().Kernel.Profile; len(st) != 3 || st[1].Before != "0" || st[1].Error != "" || !st[2].Missing || st[2].Name != "expire_quiescent_template" {
			t.Errorf("status %+v", st)
		}
		r.reload(profiled("director"))
		if got := v.wrote(); got != "" {
			t.Errorf("a reload that changes nothing writes %q", got)
		}
		r.reload(profiled("sync", "nat"))
		if got := v.wrote(); got != "expire_nodest_conn=0 sloppy_tcp=1 sync_refresh_period=10" {
			t.Errorf("the reload writes %q", got)
		}
		// A successor of a process that died knows what is to be restored.
		saved := r.saved.clone()
		r.end()
		if !maps.Equal(v.have, was) {
			t.Errorf("after the stop %v, before the start %v", v.have, was)
		}
		v.have["sync_refresh_period"], v.have["sloppy_tcp"] = "10", "1"
		v.writes = nil
		r.start(profiled("sync"), v.deps, func(d *Deps) { d.Owned, d.Restarted = saved, true })
		if got := v.wrote(); got != "" {
			t.Errorf("the successor writes %q", got)
		}
		r.end()
		if !maps.Equal(v.have, was) {
			t.Errorf("after the successor's stop %v, at first %v", v.have, was)
		}
	})
}

func TestProfileRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		v := &vsSettings{have: map[string]string{"expire_nodest_conn": "0"}, refuse: "expire_nodest_conn"}
		r.start(profiled("director"), v.deps)
		st := r.status().Kernel
		if !strings.Contains(st.Error, "permission denied") || len(st.Profile) != 3 || st.Profile[1].Error == "" {
			t.Errorf("status %+v", st)
		}
		if len(r.saved.Profile) != 0 {
			t.Errorf("to be restored of what was not changed: %v", r.saved.Profile)
		}
		r.wantTable("1:1=1") // the table does not wait for it
		r.end()
	})
}
