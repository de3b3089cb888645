// Package route describes routes and rules in the words of keepalived's
// virtual_routes and virtual_rules and encodes them for the kernel (rtnetlink:
// linux/rtnetlink.h, linux/fib_rules.h, linux/lwtunnel.h).
//
// Interfaces are named, not numbered: a route outlives the interface it is for.
// Body turns names into numbers when it is called and fails with a
// MissingError where a name has none.
//
// The bytes of Body serve adding and removing alike. For removing the kernel
// wants every attribute to be equal, so that no route that somebody else made
// goes in the place of ours. All that is ours carries Protocol unless the
// configuration names another one.
//
// The package does no I/O.
package route
