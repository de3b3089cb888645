package route

import (
	"encoding/binary"
	"fmt"
)

// The actions of a rule (FR_ACT_* of linux/fib_rules.h).
const (
	ToTable     = 1
	Goto        = 2
	Nop         = 3
	Blackhole   = 6
	Unreachable = 7
	Prohibit    = 8
)

const (
	fraDst            = 1
	fraSrc            = 2
	fraIIf            = 3
	fraGoto           = 4
	fraPriority       = 6
	fraMark           = 10
	fraFlow           = 11
	fraTunID          = 12
	fraSuppressGroup  = 13
	fraSuppressPrefix = 14
	fraTable          = 15
	fraMask           = 16
	fraOIf            = 17
	fraL3MDev         = 19
	fraUIDRange       = 20
	fraProtocol       = 21
	fraIPProto        = 22
	fraSPort          = 23
	fraDPort          = 24

	ruleInvert = 2 // FIB_RULE_INVERT
)

// RuleFlags are the NLM_F_* of the addition besides NLM_F_CREATE: without
// NLM_F_EXCL the kernel takes the same rule twice.
const RuleFlags = nlmExcl

// Body encodes the rule as the body of RTM_NEWRULE and RTM_DELRULE. Interfaces
// go by name: they need not exist.
func (r *Rule) Body() ([]byte, error) {
	if r.Action == 0 {
		return nil, fmt.Errorf("rule %s: no action", r.Text)
	}
	head := make([]byte, 12, 96)
	head[0] = family(r.Family)
	head[1] = uint8(max(r.To.Bits(), 0))
	head[2] = uint8(max(r.From.Bits(), 0))
	head[3] = r.TOS
	if r.Action == ToTable && !r.L3MDev {
		head[4] = tableCompat
		if r.Table < 256 {
			head[4] = uint8(r.Table)
		}
	}
	head[7] = r.Action
	if r.Not {
		binary.NativeEndian.PutUint32(head[8:], ruleInvert)
	}
	a := attrs(head)
	if r.To.IsValid() && r.To.Bits() > 0 {
		a.addr(fraDst, r.To.Addr())
	}
	if r.From.IsValid() && r.From.Bits() > 0 {
		a.addr(fraSrc, r.From.Addr())
	}
	a.u32(fraPriority, r.Priority)
	if r.Action == ToTable && !r.L3MDev && r.Table >= 256 {
		a.u32(fraTable, r.Table)
	}
	if r.Action == Goto {
		a.u32(fraGoto, r.Goto)
	}
	if r.IIf != "" {
		a.text(fraIIf, r.IIf)
	}
	if r.OIf != "" {
		a.text(fraOIf, r.OIf)
	}
	if r.MarkSet {
		a.u32(fraMark, r.Mark)
	}
	if r.MaskSet {
		a.u32(fraMask, r.Mask)
	}
	if r.Realms != 0 {
		a.u32(fraFlow, r.Realms)
	}
	if r.TunnelID != 0 {
		a.be64(fraTunID, r.TunnelID)
	}
	if r.SuppressPrefix > 0 {
		a.u32(fraSuppressPrefix, r.SuppressPrefix-1)
	}
	if r.SuppressGroup > 0 {
		a.u32(fraSuppressGroup, r.SuppressGroup-1)
	}
	if r.L3MDev {
		a.u8(fraL3MDev, 1)
	}
	if r.UIDSet {
		a.raw(fraUIDRange, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, r.UIDs.Low), r.UIDs.High))
	}
	a.u8(fraProtocol, orDefault(r.Protocol, Protocol))
	if r.IPProto != 0 {
		a.u8(fraIPProto, r.IPProto)
	}
	ports := func(id uint16, p Range) {
		if p.High != 0 {
			a.raw(id, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, uint16(p.Low)), uint16(p.High)))
		}
	}
	ports(fraSPort, r.SPort)
	ports(fraDPort, r.DPort)
	return a, nil
}
