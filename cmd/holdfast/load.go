package main

import (
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

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

// configIDFlag adds the flag that says which lines with @id count.
func configIDFlag(f *pflag.FlagSet, id *string) {
	f.StringVarP(id, "config-id", "i", "", "configuration id: which lines that begin with @id count in keepalived.conf (default: the host name up to its first dot)")
}

// interfaces are the names of this machine's network interfaces.
func interfaces() map[string]bool {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	names := make(map[string]bool, len(list))
	for _, i := range list {
		names[i.Name] = true
	}
	return names
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
