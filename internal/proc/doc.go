// Package proc starts child programs for the rest of the daemon: notify
// scripts, MISC_CHECK programs and vrrp_script commands.
//
// Contract:
//
//   - Every child is started from one OS thread that is locked for the life of
//     the process, because the parent-death signal (SIGTERM here) is tied to
//     the thread that forked, not to the process.
//   - A child is the leader of its own process group, so that a timeout reaches
//     whatever it forked. Its stdin, stdout and stderr are /dev/null, or a pipe
//     of which the last Spec.Capture bytes are kept.
//   - The environment is ours without IFS, LD_PRELOAD and LD_LIBRARY_PATH.
//   - At Spec.Timeout the group gets SIGTERM, Spec.KillAfter later SIGKILL.
//   - StopAll leaves no program of ours behind when the daemon ends, not even
//     one that ignores SIGTERM.
//   - Only children started here are waited for, through their pidfd; no
//     thread is blocked while one runs. The leader of a group that is still to
//     be killed stays unreaped until then, so that its id cannot be reused.
//   - As process 1 of a container the daemon also reaps what programs left running
//     when they ended (ReapOrphans).
//   - Nothing is inherited but the three standard descriptors.
package proc
