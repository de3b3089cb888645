package main

import (
	"os"
	"path/filepath"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
)

// loader reads the configuration when called, for start and every reload.
func loader(file string, opts load.Options) func() (*config.Config, []config.Diagnostic) {
	abs, err := filepath.Abs(file)
	if err != nil {
		abs = file
	}
	return func() (*config.Config, []config.Diagnostic) { return load.Load(abs, opts) }
}

func osArgs() []string { return append([]string(nil), os.Args...) }

func pidBeside(socket, name string) string {
	return filepath.Join(filepath.Dir(socket), name+".pid")
}

func stateBeside(socket string) string {
	if filepath.Dir(socket) == runDir {
		return filepath.Join(runDir, "state")
	}
	return socket + ".state"
}
