// Package track runs the tracked scripts (vrrp_script) of the configuration
// and tells which of them succeed.
//
// Contract:
//
//   - Every script runs at once and then every interval, in its own goroutine;
//     one that hangs holds up no other. A run still going on at the next tick
//     is left alone and the tick skipped.
//   - At the timeout (default: the interval) the run counts as failed; its
//     process group gets SIGTERM, and SIGKILL 2 s later.
//   - The first result counts alone. After that rise successes or fall
//     failures in a row change the state.
//   - A script whose command and user are unchanged keeps its result over a
//     reload, whatever else about it changed.
package track
