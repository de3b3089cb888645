package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the processor time of the processes, of all their threads, also
// those that have ended.
func cpuTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		var ts unix.Timespec
		// The clock of another process: clock_getcpuclockid(3).
		clock := int32(^uint32(pid)<<3 | 2)
		if err := unix.ClockGettime(clock, &ts); err != nil {
			return 0, fmt.Errorf("processor clock of process %d: %w", pid, err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum, nil
}

// pss is the memory of the processes in bytes, shared pages in proportion.
func pss(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, fmt.Errorf("memory: %w", err)
		}
		kib, found := int64(0), false
		for line := range strings.SplitSeq(string(b), "\n") {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				kib, err = strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
				found = err == nil
			}
		}
		if !found {
			return 0, fmt.Errorf("memory: process %d has no Pss", pid)
		}
		sum += kib << 10
	}
	return sum, nil
}
