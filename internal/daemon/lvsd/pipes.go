package lvsd

import (
	"sync"

	"holdfast/internal/config"
)

// pipes are the FIFOs that hear of services; read by the goroutine that tells
// events, replaced by a reload.
type pipes struct {
	mu   sync.Mutex
	list []config.FIFO
}

func (p *pipes) set(list ...config.FIFO) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = list
}

func (p *pipes) get() []config.FIFO {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list
}
