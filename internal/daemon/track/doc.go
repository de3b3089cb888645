// Package track follows what virtual routers track besides interfaces: scripts
// (vrrp_script), files (track_file) and processes (vrrp_track_process).
//
// Contract:
//
//   - The first result of everything and each change are told, one at a time
//     for each kind, by the keys that Key, FileKey and ProcessKey give.
//   - Every script runs at once and then every interval, in its own goroutine;
//     one that hangs holds up no other. A run still going on at the next tick
//     is left alone and the tick skipped. At the timeout (default: the
//     interval) the run counts as failed; its process group gets SIGTERM, and
//     SIGKILL 2 s later. The first result counts alone; after that rise
//     successes or fall failures in a row change the state.
//   - A file is read when the kernel tells of a change (inotify, on its
//     directory) and every 10 s. One that is being written counts as it was
//     until it is closed.
//   - Processes are counted by what the kernel's process connector tells;
//     where that is impossible, or events were lost, /proc is read.
//   - Whatever asks the same as before keeps its result over a reload: a
//     script with the same command and user, a file with the same path, a
//     process with the same name and arguments.
package track
