// Command bench measures holdfast beside the real keepalived, in one run and
// in the same labs, and prints one table: the processor time of master and
// backup, the memory of all processes, the time from a crash to the last
// virtual address on the backup, and what a large configuration takes. It ends
// with 1 when a target is missed.
//
//	make bench
//	make bench BENCHFLAGS='-runs 5 -only 10ms'
//	make bench BENCHFLAGS=-long
//	make bench BENCHFLAGS='-gap -runs 5'
//	make bench BENCHFLAGS=-ipvs
//
// What each figure is:
//
//   - Loads: one virtual router at 1 s, 255 on one interface at 1 s and at 10 ms,
//     and 4,000 on 16 interfaces at 1 s, each with one address.
//
//   - CPU: the processor clocks of all processes of a daemon over -seconds of
//     steady state, in parts of one core. Every director runs its own copy of
//     its program, so that memory is not shared as it is not between machines.
//
//   - PSS: the sum over all processes of a master, after that time.
//
//   - Takeover: the master's link is cut and all its processes are killed at a
//     random phase. The time is from the last advert that the backup heard (the
//     kernel's stamp) to the last virtual address on the backup. The timers
//     allow 3 x interval + skew; what is beyond them is in a line of its own.
//     Where all adverts leave together, as ours do, all routers change at the
//     same moment and the kernel's part, some 40 us an address, is in that line.
//
//   - A large configuration: holdfast check beside keepalived -t, and holdfast plan
//     with one weight changed, of 5,000 virtual servers with 10 real servers each;
//     time, and the most memory that the process had.
//
//   - Failover gap: the silence of a client that pings the address every
//     millisecond, from the harm until everything is as before, and how long
//     beyond the timers (master-down interval after the last advert heard, skew
//     time after a farewell) the backup had the address and the client its next
//     answer. Harm is a crash as above, an ordinary stop, or all processes
//     stopped for longer than the dead time and then continued; a paused
//     machine's kernel goes on answering. Every run counts but one that is
//     late only for the time in which a processor of this machine stood still, as
//     those of a virtual machine do: there is another run in place of it, with
//     either daemon, and how many there were is told.
//
//   - The IPVS table, in the IPVS kernel: 1,000 and 3,000 services with 10 real
//     servers each, from execve of a daemon (SIGHUP for a reload) until the
//     last server of the table is as the configuration has it, and the whole
//     table was read and is; a stop from SIGTERM to the end of the daemon.
//     There is one processor, and system calls are slow: compare ratios. Each
//     life of ours has one of keepalived's beside it in a kernel that is booted
//     for the two: the same program takes up to twice as long in one such kernel
//     as in another, and much the same in each of its lives there. The ratio is
//     the median of those of the pairs, in half of which ours comes first.
//
// Daemons whose load is far below what the machine can do are measured at the
// same time; under a heavy load they take turns and the order alternates.
package main
