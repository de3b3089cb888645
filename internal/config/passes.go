package config

import "slices"

// process is one of keepalived's processes.
type process uint8

// The processes, in the order in which they read the text under -t.
const (
	parentProcess process = iota
	checkerProcess
	vrrpProcess
	bfdProcess
	processes
)

// pass is one process reading a keepalived.conf. Each of them reads the whole
// text, decodes the blocks that are its own and counts the braces of the
// others. Where braces are missing or surplus they lose each other: for one the
// text is still in a block, for another at the top level.
type pass struct{ stack []frame }

// findingAt is a finding that several passes make.
type findingAt struct {
	pos Pos
	id  string
}

// owner is the process that decodes a keyword of the top level. Two keywords
// have more than one, which see the same.
func owner(k *Keyword) process {
	switch {
	case k.Shape == ShapeArgs, k.Name == "global_defs":
		return parentProcess
	case k.Name == "virtual_server", k.Name == "virtual_server_group", k.Name == "SSL":
		return checkerProcess
	case k.Name == "bfd_instance":
		return bfdProcess
	}
	return vrrpProcess
}

// as gives the decoder to one process while f runs.
func (d *decoder) as(p process, f func()) {
	d.pass = p
	d.stack = d.passes[p].stack
	f()
	d.passes[p].stack = d.stack
}

// level reports whether the text is at the top level for every process.
func (d *decoder) level() bool {
	for i := range d.passes {
		if len(d.passes[i].stack) > 1 {
			return false
		}
	}
	return true
}

// everyone has each process read a statement of the top level, or what seems to
// be one. Where all agree on that one of them is enough.
func (d *decoder) everyone(n *Node) {
	if !d.level() {
		d.apart(func() { d.statements([]*Node{n}) })
		return
	}
	k, known := Lookup("", n.Keyword())
	if known && k.Shape != ShapeArgs {
		d.as(owner(k), func() { d.statements([]*Node{n}) })
		return
	}
	if len(n.Words) > 0 || !n.Block {
		line := *n
		line.Block, line.Children = false, nil
		d.as(parentProcess, func() { d.statements([]*Node{&line}) })
	}
	if !n.Block {
		return
	}
	d.unexpectedBrace(n)
	for _, c := range n.Children {
		d.everyone(c)
	}
	if n.End.Line != 0 {
		d.apart(func() { d.closeBrace(n.End) })
	}
}

// apart has each process do f, those first that are in a block: what they find
// says most. The same finding of several is reported once.
func (d *decoder) apart(f func()) {
	d.seen = map[findingAt]bool{}
	order := []process{parentProcess, checkerProcess, vrrpProcess, bfdProcess}
	slices.SortStableFunc(order, func(a, b process) int { return len(d.passes[b].stack) - len(d.passes[a].stack) })
	for _, p := range order {
		d.as(p, f)
	}
	d.seen = nil
}
