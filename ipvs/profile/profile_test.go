package profile

import (
	"slices"
	"testing"
)

func TestProfiles(t *testing.T) {
	names := Names()
	if len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(All) {
		t.Errorf("names %q", names)
	}
	values := map[string]string{}
	for _, p := range All {
		for _, s := range p.Settings {
			// It has the kernel drop the answers to the director's own checks.
			if s.Name == "nat_icmp_send" {
				t.Errorf("%s sets %s", p.Name, s.Name)
			}
			// Those two belong to connection sync, which changes them itself.
			if s.Name == "sync_ports" || s.Name == "backup_only" {
				t.Errorf("%s sets %s", p.Name, s.Name)
			}
			if v, ok := values[s.Name]; ok && v != s.Value {
				t.Errorf("%s: profiles do not agree", s.Name)
			}
			values[s.Name] = s.Value
		}
	}
	if all := Settings(names); len(all) != len(values) {
		t.Errorf("together %v", all)
	}
	if s := Settings([]string{"tunnel", "nobody", "tunnel"}); len(s) != 2 {
		t.Errorf("tunnel is %v", s)
	}
}
