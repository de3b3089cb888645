package link

import (
	"fmt"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// strayShare is one in how many adverts of other VRIDs a filter lets through all
// the same: a power of 2.
const strayShare = 16

// VRIDs is a set of virtual router identifiers.
type VRIDs [8]uint32

// Add puts an identifier into the set.
func (v *VRIDs) Add(vrid uint8) { v[vrid>>5] |= 1 << (vrid & 31) }

// Has says whether an identifier is in the set.
func (v *VRIDs) Has(vrid uint8) bool { return v[vrid>>5]&(1<<(vrid&31)) != 0 }

// Filter has the kernel throw away what is sent to a port for other VRIDs than
// those of the set, so that strangers on a segment do not wake this process. One
// in sixteen of them gets through, and so does what is too short to name
// one: a stranger stays visible. The filter of an open port is exchanged in
// one step, that of another one is there when Open opens it. A port for
// authentication headers takes none. The engine's thread.
func (w *EpollWire) Filter(key Port, set VRIDs) error {
	if old, ok := w.filters[key]; ok && old == set || key.AH {
		return nil
	}
	w.filters[key] = set
	if p := w.ports[key]; p != nil {
		return p.filter(set)
	}
	return nil
}

// filter attaches the filter for set.
func (p *port) filter(set VRIDs) error {
	return attach(p.fd, vridProgram(set, p.six))
}

// attach has the kernel hand a socket only what a program lets through.
func attach(fd int, program []bpf.Instruction) error {
	prog, err := bpf.Assemble(program)
	if err != nil {
		return fmt.Errorf("link: filter: %w", err)
	}
	raw := make([]unix.SockFilter, len(prog))
	for i, r := range prog {
		raw[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(raw)), Filter: &raw[0]})
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
}

// vridProgram is the program of a filter. A raw socket's filter sees IPv4
// packets from their IP header on, and of IPv6 packets what follows it.
func vridProgram(set VRIDs, six bool) []bpf.Instruction {
	const vrid, word = 0, 1 // scratch
	var prog []bpf.Instruction
	add := func(list ...bpf.Instruction) { prog = append(prog, list...) }
	accept := bpf.RetConstant{Val: 0xffff}

	// X: where the VRRP message begins. One that ends before its VRID passes.
	if six {
		add(bpf.LoadConstant{Dst: bpf.RegX, Val: 0})
	} else {
		add(bpf.LoadMemShift{Off: 0})
	}
	add(
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.ALUOpX{Op: bpf.ALUOpSub},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: 2, SkipTrue: 1}, // no packet is shorter than its IP header
		accept,
		bpf.LoadIndirect{Off: 1, Size: 1},
		bpf.StoreScratch{Src: bpf.RegA, N: vrid},
		bpf.StoreScratch{Src: bpf.RegA, N: word}, // the kernel wants it written on every way
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 5},
		bpf.TAX{},
	)
	// The word of the set that the VRID is in.
	for i, bits := range set {
		add(
			bpf.TXA{},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(i), SkipTrue: 2},
			bpf.LoadConstant{Dst: bpf.RegA, Val: bits},
			bpf.StoreScratch{Src: bpf.RegA, N: word},
		)
	}
	add(
		bpf.LoadScratch{Dst: bpf.RegA, N: vrid},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 31},
		bpf.TAX{},
		bpf.LoadScratch{Dst: bpf.RegA, N: word},
		bpf.ALUOpX{Op: bpf.ALUOpShiftRight},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 1, SkipFalse: 1},
		accept,
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: strayShare - 1, SkipTrue: 1},
		accept,
		bpf.RetConstant{Val: 0},
	)
	return prog
}
