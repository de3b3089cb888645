package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/daemon"
	"holdfast/internal/daemon/vrrpd"
)

func newCheck() *cobra.Command {
	var asJSON, strict, offline bool
	var id string
	cmd := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Check configuration files without touching anything",
		Long: `Check configuration files and print everything there is to say about them, the
worst last. Nothing is started or changed. Without FILE: the file that run would
use, ` + defaultConfig + `, or where that is missing
` + compatConfig + `. Where a daemon runs, what a reload would mean for older keepalived peers is
said as well.

Exit code: 0 clean, 1 warnings, 2 errors. An error, and what is marked so, makes a
running daemon refuse the file at a reload. With --strict, which is the one to run
before a reload, such a mark is an error too, and so is what is not understood or
not taken as it is written (an unknown keyword, a bad value): a reload would go on
with a default in its place, or without the line. Advice and what is not active yet
stay warnings.`,
		Example: "  holdfast check /etc/keepalived/keepalived.conf\n  holdfast check --strict --offline new.toml",
		RunE: func(cmd *cobra.Command, files []string) error {
			neither := "" // what is said where no file is named and both defaults are missing
			if len(files) == 0 {
				files = []string{configOrDefault("")}
				if _, err := os.Stat(files[0]); err != nil {
					neither = "nor is there " + compatConfig + ": name the file to check"
				}
			}
			opts := load.Options{ConfigID: id, Interfaces: load.SystemInterfaces, Users: true}
			if offline {
				opts = load.Options{ConfigID: id, NoKeyFiles: true}
			}
			var all []config.Diagnostic
			for _, f := range files {
				c, diags := load.Load(f, opts)
				diags = append(diags, idle(f, c)...)
				diags = append(diags, unusable(f, c)...)
				if !offline {
					if v, err := vrrpStatus(controlOrDefault("")); err == nil {
						diags = append(diags, rollOut(f, c, v)...)
					}
				}
				for i := range diags {
					if diags[i].Severity == config.Error && diags[i].Hint == "" {
						diags[i].Hint = neither
					}
				}
				if strict {
					stricter(diags)
				}
				all = append(all, diags...)
			}
			inOrder(all)
			if err := printDiagnostics(cmd, all, asJSON); err != nil {
				return err
			}
			worst := config.Info
			for _, d := range all {
				worst = max(worst, d.Severity)
			}
			if worst == config.Info {
				return nil
			}
			return exitError{int(worst)}
		},
	}
	f := cmd.Flags()
	configIDFlag(f, &id)
	f.BoolVar(&asJSON, "json", false, "print the findings as a JSON array")
	f.BoolVar(&strict, "strict", false, "what a reload is refused for, unknown keywords and bad values are errors in keepalived.conf too")
	f.BoolVar(&offline, "offline", false, "do not look at this machine's interfaces, users and scripts")
	return cmd
}

// inOrder sorts findings: the worst last, where a terminal ends; those of the same
// severity by place, in the order of the files, as the first mistake is often the
// cause of what comes after it.
func inOrder(list []config.Diagnostic) {
	files := map[string]int{"": 1 << 30} // what has no place comes last
	for i := range list {
		if _, known := files[list[i].Pos.File]; !known {
			files[list[i].Pos.File] = len(files)
		}
	}
	slices.SortStableFunc(list, func(a, b config.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(files[a.Pos.File], files[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
}

// idle is a finding about a file with nothing to run.
func idle(file string, c *config.Config) []config.Diagnostic {
	if c == nil || !c.Empty() {
		return nil
	}
	return []config.Diagnostic{{
		Pos: config.Pos{File: file}, Severity: config.Warning, ID: config.NothingToRun,
		Text: "no vrrp_instance and no virtual_server: there is nothing to run",
	}}
}

// stricter makes errors of what a reload is refused for, and of what it would go
// on with a default for: a caller of check cannot tell that from advice.
func stricter(diags []config.Diagnostic) {
	for i := range diags {
		d := &diags[i]
		if d.Severity != config.Error && (d.Class == config.ClassUnknownKeyword || d.Mistake() || d.RefusesReload()) {
			d.Severity, d.Raised = config.Error, true
		}
	}
}

// unusable is a finding about what the daemon's processes would not accept.
func unusable(file string, c *config.Config) []config.Diagnostic {
	if c == nil {
		return nil
	}
	if err := daemon.Usable(c, vrrpd.Check); err != nil {
		return []config.Diagnostic{{Pos: config.Pos{File: file}, Severity: config.Error, ID: "unusable", Text: err.Error()}}
	}
	return nil
}

func printDiagnostics(cmd *cobra.Command, diags []config.Diagnostic, asJSON bool) error {
	if !asJSON {
		for _, d := range diags {
			line := d.String()
			if d.RefusesReload() && (d.Severity != config.Error || d.Raised) {
				line += " (a reload is refused)"
			}
			fmt.Fprintln(cmd.OutOrStdout(), line)
		}
		return nil
	}
	if diags == nil {
		diags = []config.Diagnostic{}
	}
	return printJSON(cmd.OutOrStdout(), diags)
}
