package main

import (
	"encoding/json"
	"log/slog"
	"strings"

	"holdfast/internal/config"
)

// logDump logs the configuration as it was understood, every default made
// explicit, one log line for each line of indented JSON. Passwords are masked.
func logDump(log *slog.Logger, c *config.Config) {
	masked := *c
	masked.Instances = append([]config.VRRPInstance(nil), c.Instances...)
	for i := range masked.Instances {
		if len(masked.Instances[i].AuthPass) > 0 {
			masked.Instances[i].AuthPass = nil
		}
	}
	b, err := json.MarshalIndent(masked, "", " ")
	if err != nil {
		log.Error("configuration not dumped", "err", err)
		return
	}
	for line := range strings.Lines(string(b)) {
		log.Info(strings.TrimRight(line, "\n"))
	}
}
