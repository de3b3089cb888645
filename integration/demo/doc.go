// Package demo is what `holdfast demo` runs: two directors, two web servers
// and a client in network namespaces of this machine. It kills the master,
// brings it back and kills a web server, while the client goes on asking, and
// tells what happened when, what the timers allow, and whether all was well.
//
// The directors run examples/lvs-dr-pair.conf; on the second one the three
// words differ that the file's comment says.
package demo
