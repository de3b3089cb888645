package vrrpd

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/config"
)

// bootAge is how long the machine had been up when this process first asked,
// which is at its start. A reload that asked anew would see another delay each
// time.
var bootAge = sync.OnceValue(func() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
})

// startupDelay is vrrp_startup_delay, or what is left of vrrp_delay_after_boot
// when that is longer.
func startupDelay(g *config.GlobalDefs, age time.Duration) time.Duration {
	return max(g.VRRPStartupDelay, g.VRRPDelayAfterBoot-age)
}
