package main

import (
	"log/slog"
	"os"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// serviceManager tells systemd, or who else started this program with
// NOTIFY_SOCKET set, how the daemon does: a unit of Type=notify, as keepalived's
// is, counts as started when the daemon says so. nil: nobody wants to know.
func serviceManager(log *slog.Logger) func(state string) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return nil
	}
	return func(state string) {
		if _, err := sd.SdNotify(false, state); err != nil {
			log.Warn("the service manager is not told how the daemon does", "err", err)
		}
	}
}
