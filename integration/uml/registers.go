package uml

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

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
// processor; the library that it names is built in the folder work.
func preload(work string) ([]string, error) {
	if !needsPreload() {
		return nil, nil
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		return nil, fmt.Errorf("uml: this processor has AMX, for which linux.uml needs a library that cc builds (Debian packages gcc, libc6-dev): %w", ErrMissing)
	}
	source, library := filepath.Join(work, "xstate.c"), filepath.Join(work, "xstate.so")
	if err := os.WriteFile(source, xstate, 0o644); err != nil {
		return nil, fmt.Errorf("uml: library for AMX: %w", err)
	}
	if out, err := exec.Command(cc, "-O2", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("uml: library for AMX: %w\n%s", err, out)
	}
	return []string{"LD_PRELOAD=" + library}, nil
}
