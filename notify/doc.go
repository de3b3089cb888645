// Package notify tells programs outside what happened: it runs notify scripts
// and writes lines to named pipes.
//
// Contract:
//
//   - No call blocks its caller, whatever a script or a reader does: Queue and
//     Write put into bounded memory and return.
//   - Order is kept per target. The scripts of one target (an instance, a
//     group, a real server) run one after another, in the order they were
//     queued; different targets run side by side. (keepalived starts them all
//     at once, so that MASTER and BACKUP within a millisecond may end in either
//     order.) The lines of one FIFO are written in the order of Write.
//   - A script that hangs holds up those of its target that come after it, and
//     nobody else. That is logged when it has lasted for a while, once, and when
//     it is over.
//   - Where memory is full, the oldest entry that has not been started or
//     written is dropped, counted, and logged by name: the newest state is the
//     one that matters.
//   - The package starts no program itself; it is given a Runner and a Starter.
//
// The lines are keepalived's, byte for byte, except that lines about real and
// virtual servers end with their newline and not with a NUL byte behind it.
package notify
