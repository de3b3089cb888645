// Package stack gives goroutines their stack at once. One begins with a few
// kilobytes and moves to a larger one again and again; each time the runtime looks up
// every function on it in the tables of the program, which at a start of this program
// was a tenth of all memory that was touched.
package stack

// A package without imports is initialised before nearly all others, and what they
// do then needs more than the first stack too.
func init() { Reserve() }

// Reserve makes room for 32 KiB on the stack of the goroutine that calls it, which is
// best done before anything else. What is never used of it takes address space and no
// memory.
func Reserve() { frame(nil) }

// frame needs the room before its first line is reached, for what it does with
// something.
//
//go:noinline
func frame(p *byte) {
	if p == nil {
		return
	}
	var room [28 << 10]byte
	for i := range room {
		room[i] = *p + room[*p]
	}
	*p = room[*p]
}
