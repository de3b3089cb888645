// Package toml reads a TOML configuration into the same tree of statements
// (config.Node) that keepalived.conf is read into, so that one schema decodes
// both.
//
// The words are keepalived's own. A block is a table and a statement is a key:
//
//	[global_defs]                         a block there is one of
//	[vrrp_instance.VI_1]                  a block with a name
//	[[virtual_server]]                    a block there may be several of;
//	ip = "192.0.2.10"                     its positional arguments by name
//	[[virtual_server.real_server]]        a block inside the last one
//	priority = 100                        priority 100
//	nopreempt = true                      nopreempt; false leaves it out
//	advert_int = "250ms"                  advert_int 0.25; 0.25 works as well
//	virtual_ipaddress = ["192.0.2.10/24"] a list is an array, each entry the
//	                                      text of a line, or a table of its
//	                                      parts: {ip = "…", dev = "eth0"}
//	notify_master = ["/bin/x", "a b"]     a command is one text, or a program
//	                                      and its arguments
//
// Values come from the TOML library, which also has the last word on what is
// valid; a small scanner of our own finds the line and column of each key and
// value, which the library does not tell. Statements come out in the order of
// the schema, not of the file, for in TOML the order of keys means nothing; only
// blocks within a block (checkers, real servers) keep the order of the file.
//
// Read never panics and its time and memory grow linearly with the input,
// which may have at most MaxSize bytes.
package toml
