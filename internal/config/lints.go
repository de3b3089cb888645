package config

import (
	"bufio"
	"fmt"
	"io"
)

// Lint is a finding that keepalived does not have: what it takes without a
// word, and why that is worth one.
type Lint struct {
	ID  string
	Why string
	Fix string
}

// Lints lists them by ID.
var Lints = []Lint{
	{"address-list", "the addresses differ from those that the running daemon advertises: a keepalived up to 2.3.2 drops such adverts and becomes a second master", "update the peers first, or reload all at the same time"},
	{"always-on", "the keyword turns on what always is", "leave it out"},
	{"bad-random", "${_RANDOM} takes two numbers, the least and the greatest", "write them in this order"},
	{"bad-value", "the value is not one of those possible, and keepalived takes it or ignores it without a word", "use one of those in keywords.md"},
	{"bfd-ttl", "a neighbour that expects TTL 255 (RFC 5881) drops packets with a smaller one", "`ttl 255`"},
	{"big-group", "a virtual_server_group stands for more services than one machine can hold", "use a firewall mark"},
	{"check-port-0", "the check has no port to connect to and always fails", "give the real_server a port, or the check a `connect_port`"},
	{"comment-backslash", "a comment ends in a backslash, which keepalived takes for the end of the last word before it; holdfast runs without it", "write a blank behind it, or another character"},
	{"deprecated", "an old form that still works", "write the new one"},
	{"dns-name", "no domain name is that long: the check always fails", "correct the name"},
	{"duplicate-name", "a second block of this name is ignored", "rename or remove it"},
	{"duplicate-service", "IPVS cannot tell the two services apart: the first one counts", "remove one"},
	{"empty-group", "a group without members does nothing", "name members, or remove it"},
	{"empty-number", "an empty text stands for a number: keepalived takes it for 0", "write the number, or leave the line out"},
	{"empty-path", "a request without a path is none", "`path /`"},
	{"expansion", "nothing may follow a parameter that stands for several lines", "put it at the end of its line"},
	{"flag-argument", "the keyword takes no value in keepalived 2.2.7: `false` does not turn it off there", "leave the line out"},
	{"gre-csum", "a real server with Linux's own devices gre0 and ip6gre0 drops GRE packets that have a checksum: its clients get no answer", "leave `csum` out, or give the server a device for them ([realserver.md](realserver.md#not-done))"},
	{"hash-no-fallback", "sh and mh refuse what hashes to a server of weight 0 or one that is full", "`sh-fallback`, `mh-fallback`"},
	{"host-bits", "the prefix of a rule or route has bits behind its length", "clear them"},
	{"link-local", "the first IPv6 address is not link-local: other routers than keepalived and holdfast may drop the adverts (RFC 9568)", "put a link-local address first"},
	{"lost-line", "a comment ends the definition of a parameter: keepalived's parent process does not see the line after it", "put an empty line after the comment"},
	{"mapped-address", "an IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is IPv6 to the kernel: a service there gets no packets, and a server is refused", "the IPv4 address"},
	{"missing-brace", "a block has no opening brace: keepalived's processes disagree about what is in it", "write the `{`"},
	{"missing-parameter", "the keyword has no value and keepalived goes on without it", "give one, or leave the line out"},
	{"more-findings", "there are more findings than anybody reads", "mend the ones above first"},
	{"no-accept", "packets to the virtual addresses are dropped (strict mode, or no_accept): they do not answer, IPVS included", "`accept`, or do without strict mode"},
	{"no-effect", "the keyword, or this value, has no effect", "leave it out"},
	{"no-file", "the file, or one that it includes, is missing", "correct the path; `includea` makes an error of an included file that is missing"},
	{"no-peers", "`unicast_fault_no_peer` without peers: the instance stays in FAULT", "`unicast_peer`"},
	{"no-regex", "options of a pattern without a pattern", "`regex`"},
	{"no-such-id", "no line with an @id counts: most often the id was forgotten", "`-i`"},
	{"no-such-namespace", "the network namespace is not there: its interfaces are not looked at", "make it, or check where it is"},
	{"no-such-user", "the user of a script does not exist: the script is not run", "make the user, or name another one"},
	{"nopreempt-weight", "a backup with nopreempt takes nothing from a master that lives: a weight moves no address", "leave the weights out: failure then means FAULT"},
	{"not-active", "the keyword has no effect yet and is left out", "do without it"},
	{"not-active-kept", "the keyword has no effect yet; it is read, checked and converted", "do not rely on it"},
	{"nothing-to-run", "no vrrp_instance and no virtual_server", "the file is another one, or half written"},
	{"nul-byte", "a line holds a zero byte and is ignored", "the file is damaged"},
	{"ops-nat", "with ops the kernel does not translate what the servers of NAT answer: clients get no answer", "DR or TUN, or do without ops"},
	{"owner-weight", "the priority of an address owner, 255, never changes: weights have no effect", "a priority below 255, or no weights"},
	{"persistence-ops", "ops schedules every packet by itself, persistence keeps a client on one server", "drop one of the two"},
	{"quoted-file", "quotes are part of the name in keepalived", "leave them out"},
	{"regex-offset", "the pattern could only match in front of where it begins to look", "`regex_max_offset` above `regex_min_offset`"},
	{"relative-file", "the daemon's own directory is no place that anybody thinks of", "an absolute path"},
	{"shared-vmac", "two instances have one MAC above one interface, and the kernel only one VMAC of it: what the first one says of its name and group counts", "say the same in both, or give them different MACs"},
	{"skipped-file", "an included file is executable or not a regular one: it is left out", "`chmod -x`"},
	{"slow-start-weight", "weight 1 has no part: slow_start does nothing", "weights of 10 and more"},
	{"small-weight", "the weights change the winner only where the other's priority is within their reach", "larger weights, or none: failure then means FAULT"},
	{"sorry-real-server", "the sorry server is one of the real servers: when all of them are dead, so is it", "another machine, or port"},
	{"sticky-master", "goes with sticky_master in another way than it seems", "see operations.md"},
	{"sticky-priority", "priorities from 250 say how old a sticky master is", "a priority below 250"},
	{"strict", "keepalived from 2.4.0 does not start with strict mode and unicast_peer", "do without strict mode"},
	{"sync-maxlen", "the kernel gives a backup 1024 bytes at least, and has a master keep to less, down to one connection a message", "leave maxlen out"},
	{"sync-mixed-families", "the kernel refuses servers of another family together with a sync daemon, which is not started then", "servers of the service's family"},
	{"unchecked", "servers without a check stay in service when they die", "a TCP_CHECK"},
	{"unlikely-name", "the name of a process has blanks", "quote the arguments one by one"},
	{"unquoted-arguments", "what stands behind the quotes is not passed on", "one pair of quotes around command and arguments"},
	{"unusable", "the processes would not take it: neither a start nor a reload goes ahead", "see the text"},
	{"unreadable-file", "an included file cannot be read", "its permissions"},
	{"unreplaced", "only a blank, a comma, a closing parenthesis or the end of the line ends the name of a parameter: keepalived takes the text as it is", "`${NAME}`"},
	{"vip-not-held", "the address of a service does not move with mastership", "leave it so when packets are routed to the directors"},
	{"vip-source", "a master uses an IPv6 address that is not deprecated as the source address of its own connections; health checks of real servers that have the address too (DR, TUN) then fail, and such a server drops what comes through an IPv6 tunnel (ipip, GUE)", "length /128 without preferred_lft, or `preferred_lft 0`"},
}

// WriteLints writes the tables of lints and codes as Markdown.
func WriteLints(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(`# Lints

<!-- Generated from the list in internal/config by "go test ./internal/config -run Reference -update". Do not edit. -->

What ` + "`holdfast check`" + ` says although keepalived takes it without a word. ` + "`--json`" + ` gives id, reason (why) and help (fix). Complaints that keepalived has too are at
the same lines, with the same exit code of ` + "`-t`" + `; what a running daemon thinks of its configuration and its peers is ` + "`holdfast explain`" + `.

| id | why | what helps |
|---|---|---|
`)
	for _, l := range Lints {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", l.ID, l.Why, l.Fix)
	}
	b.WriteString(`
## Complaints

What else ` + "`check`" + `, ` + "`plan`" + `, ` + "`reload`" + ` and the log say of a file by its ` + "`id`" + `: of most keepalived complains as well, and goes on with a default or without the line; TOML takes none of them
but those that lose nothing. An id of the table above stands here for a complaint of keepalived's about the same.

| id | about |
|---|---|
`)
	for _, c := range Codes {
		fmt.Fprintf(b, "| `%s` | %s |\n", c.ID, c.About)
	}
	return b.Flush()
}
