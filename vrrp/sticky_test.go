package vrrp

import (
	"testing"
	"time"
)

func TestStickyPriorityGrowsWithAge(t *testing.T) {
	for _, c := range []struct {
		age  time.Duration
		want uint8
	}{
		{0, 250},
		{10*time.Second - 1, 250},
		{10 * time.Second, 251},
		{99 * time.Second, 251},
		{100 * time.Second, 252},
		{1000 * time.Second, 253},
		{10000 * time.Second, 254},
		{100 * 365 * 24 * time.Hour, 254}, // 255 is the owner's
	} {
		if got := stickyPriority(c.age); got != c.want {
			t.Errorf("%v: %d, want %d", c.age, got, c.want)
		}
	}
}

func TestStickyPriorityIsNotLessThanTheOwn(t *testing.T) {
	cfg := v3(253, time.Second)
	cfg.Sticky = true
	b := newBench(t, cfg)
	b.start()
	b.wantActions(b.expire(), "send advert, priority 253", "addresses on, generation 1")
}
