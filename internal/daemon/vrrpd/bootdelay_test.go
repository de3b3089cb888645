package vrrpd

import (
	"testing"
	"time"

	"holdfast/internal/config"
)

func TestStartupDelayAfterBoot(t *testing.T) {
	for _, c := range []struct{ start, boot, age, want time.Duration }{
		{0, 0, time.Hour, 0},
		{5, 0, time.Hour, 5},
		{5, 60, 20, 40},
		{50, 60, 20, 50},
		{0, 60, 70, 0},
	} {
		g := &config.GlobalDefs{VRRPStartupDelay: c.start, VRRPDelayAfterBoot: c.boot}
		if got := startupDelay(g, c.age); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if a := bootAge(); a <= 0 || a != bootAge() {
		t.Errorf("the machine has been up for %v, then %v", a, bootAge())
	}
}
