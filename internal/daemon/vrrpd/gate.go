package vrrpd

import (
	"sync"

	"holdfast/internal/daemon/ipc"
	"holdfast/vrrp/engine"
)

// ungate lets no takeover wait for the IPVS table: there is no lvs process that
// would answer, however the configuration reads.
func ungate(e *engine.Config) {
	for i := range e.Routers {
		e.Routers[i].TableGate = false
	}
}

// lvsThere knows whether there is an lvs process: from the stream to one until
// the end of that. The end of an older stream may be seen after the next began.
type lvsThere struct {
	tell func(there bool) // engine.Tables

	mu     sync.Mutex
	stream *ipc.Conn
}

// begin notes the stream to the lvs process of now.
func (l *lvsThere) begin(c *ipc.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream = c
	l.tell(true)
}

// end notes that a stream has ended.
func (l *lvsThere) end(c *ipc.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stream == c {
		l.stream = nil
		l.tell(false)
	}
}
