package keepalived

import "holdfast/internal/config"

// arena holds the nodes and words of one statement of the top level. A
// configuration has hundreds of thousands of them: once a statement is used,
// their memory serves for a later one.
type arena struct {
	nodes []config.Node // the chunk that is being filled, at most chunk
	words []config.Word // the same, at most 4 chunk
}

// chunk is how many nodes are allocated at a time, at most.
const chunk = 512

// node returns a node with a copy of the words.
func (a *arena) node(words []config.Word) *config.Node {
	// A full chunk stays with the nodes that are in use.
	if len(a.nodes) == cap(a.nodes) {
		a.nodes = make([]config.Node, 0, min(max(chunk/8, 2*cap(a.nodes)), chunk))
	}
	if cap(a.words)-len(a.words) < len(words) {
		a.words = make([]config.Word, 0, max(min(max(chunk/4, 2*cap(a.words)), 4*chunk), len(words)))
	}
	a.nodes = a.nodes[:len(a.nodes)+1]
	from := len(a.words)
	a.words = append(a.words, words...)
	n := &a.nodes[len(a.nodes)-1]
	n.Words = a.words[from:len(a.words):len(a.words)]
	return n
}

// reset makes all that was handed out free. Lists of children keep their room.
func (a *arena) reset() {
	for i := range a.nodes {
		a.nodes[i] = config.Node{Children: a.nodes[i].Children[:0]}
	}
	clear(a.words)
	a.nodes, a.words = a.nodes[:0], a.words[:0]
}

// newArena returns an empty one.
func (r *reader) newArena() *arena {
	select {
	case a := <-r.free:
		return a
	default:
		return &arena{}
	}
}

// release takes an arena back; any goroutine.
func (r *reader) release(a *arena) {
	a.reset()
	select {
	case r.free <- a:
	default:
	}
}
