package engine

import (
	"strings"
	"testing"
	"time"
)

func TestConfigCheck(t *testing.T) {
	uni := vr(1, 100)
	uni.Unicast = true
	for _, tc := range []struct {
		want   string
		change func(*Config)
	}{
		{"used twice", func(c *Config) { c.Routers[1].Name = "VI_1" }},
		{"same interface, VRID", func(c *Config) { c.Routers[1].VRID = 1 }},
		{"no interface", func(c *Config) { c.Routers[0].Interface = "" }},
		{"VRID 0", func(c *Config) { c.Routers[0].VRID = 0 }},
		{"priority 0", func(c *Config) { c.Routers[0].Priority = 0 }},
		{"interval", func(c *Config) { c.Routers[0].AdvertInt = 0 }},
		{"no multicast group", func(c *Config) { c.Routers[0].Group = addr("192.0.2.1") }},
		{"unicast without peers", func(c *Config) { c.Routers[0] = uni }},
		{`no router "X"`, func(c *Config) { c.Groups = []Group{{Name: "G", Members: []string{"X"}}} }},
	} {
		c := config(vr(1, 100), vr(2, 100))
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		tc.change(&c)
		if err := c.check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
}

func TestLatenessBuckets(t *testing.T) {
	last := -1
	for _, d := range []time.Duration{0, 1, 3, 4, 5, 7, 8, 9, 10, 15, 16, 1000, 1 << 20, 1<<20 + 1<<18, 1<<63 - 1} {
		b := bucket(d)
		if b < last || upper(b) < d || b > 0 && upper(b-1) >= d {
			t.Errorf("%d: bucket %d, upper %d", d, b, upper(b))
		}
		last = b
	}
	var l lateness
	for i := range 1000 {
		l.add(time.Duration(i) * time.Microsecond)
	}
	if s := l.status(); s.Count != 1000 || s.Max != 999*time.Microsecond || s.P99 < 990*time.Microsecond {
		t.Errorf("%+v", s)
	}
}
