package lvs

import (
	"errors"
	"io/fs"
	"strings"

	"holdfast/ipvs/profile"
)

// bringSettings sets what lvs_profile asks for, and what it no longer asks for
// back to what it was. Which settings there are is the kernel's matter: one
// that it does not have is left out.
func (l *LVS) bringSettings() error {
	want := profile.Settings(l.cfg.Global.LVSProfile)
	errs := []error{l.restoreSettings(want)}
	l.profile = nil
	for _, s := range want {
		have, err := l.deps.Sync.Get(s.Name)
		if errors.Is(err, fs.ErrNotExist) {
			l.profile = append(l.profile, ProfileStatus{Name: s.Name, Value: s.Value, Missing: true})
			continue
		}
		before, ours := l.owned.Profile[s.Name]
		if err == nil && !ours {
			before = have
		}
		if err == nil && strings.TrimSpace(have) != s.Value {
			was := l.owned
			if !ours {
				o := l.owned.clone()
				if o.Profile == nil {
					o.Profile = map[string]string{}
				}
				o.Profile[s.Name] = have
				l.keep(o)
			}
			if err = l.deps.Sync.Set(s.Name, s.Value); err == nil {
				l.log.Info("lvs_profile: setting of IPVS changed", "name", s.Name, "value", s.Value, "before", have)
			} else {
				l.keep(was)
			}
		}
		st := ProfileStatus{Name: s.Name, Value: s.Value, Before: before}
		if err != nil {
			st.Error = err.Error()
			errs = append(errs, err)
		}
		l.profile = append(l.profile, st)
	}
	return errors.Join(errs...)
}

// restoreSettings sets back what was changed and is not wanted.
func (l *LVS) restoreSettings(want []profile.Setting) error {
	if len(l.owned.Profile) == 0 {
		return nil
	}
	wanted := map[string]bool{}
	for _, s := range want {
		wanted[s.Name] = true
	}
	o := l.owned.clone()
	var errs []error
	for name, before := range l.owned.Profile {
		if wanted[name] {
			continue
		}
		if err := l.deps.Sync.Set(name, before); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		delete(o.Profile, name)
	}
	if len(o.Profile) == 0 {
		o.Profile = nil
	}
	l.keep(o)
	return errors.Join(errs...)
}
