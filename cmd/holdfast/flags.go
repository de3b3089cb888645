package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/pflag"
)

// configIDFlag adds the flag that says which lines with @id count.
func configIDFlag(f *pflag.FlagSet, id *string) {
	f.StringVarP(id, "config-id", "i", "", "configuration id: which lines that begin with @id count in keepalived.conf (default: the host name up to its first dot)")
}

// controlFlag adds the flag that says which daemon is asked.
func controlFlag(f *pflag.FlagSet, socket *string) {
	f.StringVar(socket, "control", "", "control socket (default $"+controlEnv+" or "+defaultControl+")")
}

// printJSON prints one value for a program that is also read by people.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
