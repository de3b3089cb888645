package uml

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"

	"golang.org/x/sys/unix"
)

// processors counts, for each of the machine's processors, the kernels of this
// process that have their place there.
type processors struct {
	mu      sync.Mutex
	kernels map[int]int
}

var places = processors{kernels: map[int]int{}}

// take is the processor with the fewest kernels among those that may be used, which
// has one more until leave.
func (p *processors) take(may unix.CPUSet) (cpu int, leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cpu = -1
	for n := range len(may) * 64 {
		if may.IsSet(n) && (cpu < 0 || p.kernels[n] < p.kernels[cpu]) {
			cpu = n
		}
	}
	if cpu < 0 {
		return 0, nil, errors.New("no processor may be used")
	}
	p.kernels[cpu]++
	return cpu, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.kernels[cpu]--
	}, nil
}

// startPinned starts a program that stays, with all that it starts, on one processor.
// The caller holds its thread (runtime.LockOSThread): what is started may use what
// the thread may. leave is for when the program has ended.
func startPinned(cmd *exec.Cmd) (leave func(), err error) {
	var may, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return nil, fmt.Errorf("which processors may be used: %w", err)
	}
	cpu, leave, err := places.take(may)
	if err != nil {
		return nil, err
	}
	one.Set(cpu)
	if err = unix.SchedSetaffinity(0, &one); err != nil {
		err = fmt.Errorf("processor %d: %w", cpu, err)
	} else {
		err = errors.Join(cmd.Start(), unix.SchedSetaffinity(0, &may))
	}
	if err != nil {
		leave()
		return nil, err
	}
	return leave, nil
}
