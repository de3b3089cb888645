// Package integration runs the built program as its users do: real processes,
// sockets, addresses and IPVS tables in network namespaces, beside the real
// keepalived where the two must agree.
//
// The tests here hold for every machine that is not hopelessly busy, so their
// limits of time are wide; exact figures are the business of make bench. What
// comes within milliseconds on an idle machine is waited for, and what fails while
// the machine stands still is tried again (patiently); it never passes by that
// alone.
//
// HOLDFAST_BIN names the program under test (make integration sets it);
// without it the program is built first. HOLDFAST_KEEPALIVED names the real
// keepalived.
package integration
