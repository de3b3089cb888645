// Package healthcheck finds out whether real servers answer.
//
// Contract:
//
//   - A Check looks once, within bounded time and memory, and says Up or why
//     not. Every kind has its own file. What a server sends is hostile: sizes,
//     counts and waits are limited whatever it does.
//   - A Judge is pure. It turns results into verdicts by keepalived's rules
//     for retry, delay_before_retry and servers not yet checked, and says when
//     to look again.
//   - A Runner runs many checks (tens of thousands) on a bounded number of
//     goroutines: the first look after 1 s and a random part of warmup, then
//     every delay_loop. Verdicts are delivered one at a time, in order.
//   - Config holds plain values; the package reads no files. MISC_CHECK is
//     given the function that runs programs.
package healthcheck
