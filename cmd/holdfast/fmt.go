package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	kaconf "holdfast/internal/config/keepalived"
)

// maxFormat bounds a file that is laid out, in bytes.
const maxFormat = 16 << 20

func newFmt() *cobra.Command {
	var write, list bool
	cmd := &cobra.Command{
		Use:   "fmt [FILE...]",
		Short: "Lay out keepalived.conf files",
		Long: `Lay out keepalived.conf files: four blanks a block, one blank between words, at
most one empty line. Comments, includes, parameters and the order of lines stay
as they are, and so does the meaning: what the text says before and after is
compared, and a file where that differs is left alone with an error.

Without FILE standard input is laid out. For TOML use an editor or a formatter
of TOML.

Exit code: 0 done, 1 with --list when a file differs, 2 for a file that cannot be
laid out.`,
		Example: "  holdfast fmt keepalived.conf\n  holdfast fmt -w /etc/keepalived/*.conf\n  holdfast fmt -l *.conf || echo not laid out",
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				if write {
					return errors.New("--write needs a file")
				}
				files = []string{"-"}
			}
			differ, failed := false, false
			for _, name := range files {
				changed, err := formatFile(cmd, name, write, list)
				if err != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", name, err)
					failed = true
				}
				differ = differ || changed
			}
			switch {
			case failed:
				return exitError{2}
			case list && differ:
				return exitError{1}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&write, "write", "w", false, "write the result to the file in place of printing it")
	f.BoolVarP(&list, "list", "l", false, "print the names of files that are not laid out")
	return cmd
}

// formatFile lays out one file; changed says that it was not laid out before.
func formatFile(cmd *cobra.Command, name string, write, list bool) (changed bool, err error) {
	if strings.HasSuffix(name, ".toml") {
		return false, errors.New("only keepalived.conf is laid out, not TOML")
	}
	var text []byte
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxFormat+1))
	} else {
		text, err = readLimited(name)
	}
	if err != nil {
		return false, err
	}
	if len(text) > maxFormat {
		return false, fmt.Errorf("larger than %d MiB", maxFormat>>20)
	}
	out, err := kaconf.Format(string(text))
	if err != nil {
		return false, err
	}
	changed = out != string(text)
	if list && changed {
		fmt.Fprintln(cmd.OutOrStdout(), name)
	}
	switch {
	case write && changed:
		return true, replace(name, out)
	case !write && !list:
		_, err = io.WriteString(cmd.OutOrStdout(), out)
	}
	return changed, err
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFormat+1))
}
