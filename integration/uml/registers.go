package uml

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"golang.org/x/sys/cpu"
)

// xstate is the text of a library that has linux.uml restore the registers of a
// processor with AMX; without it the kernel panics with its first program
// ("ptrace set fp regs failed, errno = 14").
//
//go:embed preload/xstate.c
var xstate []byte

// needsPreload says whether linux.uml cannot restore the registers of a program
// by itself on this machine's processor.
func needsPreload() bool { return cpu.X86.HasAMXTile }

// Programs are those that Run needs on this machine, as integration/deps names
// them.
func Programs() []string {
	programs := []string{"linux.uml", "modprobe"}
	if needsPreload() {
		programs = append(programs, "gcc")
	}
	return programs
}

// preload is what has to be in the environment of linux.uml on this machine's
// processor; the library that it names is put into the folder work.
func preload(work string) ([]string, error) {
	if !needsPreload() {
		return nil, nil
	}
	text, err := library()
	path := filepath.Join(work, "xstate.so")
	if err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("uml: library for AMX: %w", err)
	}
	return []string{"LD_PRELOAD=" + path}, nil
}

// library builds xstate, once.
var library = sync.OnceValues(func() ([]byte, error) {
	work, err := os.MkdirTemp("", "holdfast-uml-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	path := filepath.Join(work, "xstate.so")
	cc := exec.Command("cc", "-O2", "-shared", "-fPIC", "-o", path, "-x", "c", "-")
	cc.Stdin = bytes.NewReader(xstate)
	if out, err := cc.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return os.ReadFile(path)
})
