package lvs

// ready tells routers that wait for their table.
func (l *LVS) ready() {
	for name := range l.gates {
		// Whether one has services is not known before it is in the configuration.
		if l.follow.names[name] && l.tableReady(name) {
			delete(l.gates, name)
			l.deps.TableReady(name)
		}
	}
}

// tableReady reports whether the services of a router are in the kernel. What
// the kernel refused is not waited for: the others are worth as much without it.
func (l *LVS) tableReady(router string) bool {
	for _, k := range l.follow.of(router) {
		if !l.table.known || l.table.all || l.table.dirty[k] {
			return false
		}
		if l.table.stuck[k] {
			continue
		}
		if _, ok := l.table.have[k]; !ok {
			return false
		}
	}
	return true
}
