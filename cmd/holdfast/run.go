package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/config/load"
	"holdfast/internal/daemon"
	"holdfast/internal/daemon/logging"
	"holdfast/internal/daemon/role"
	"holdfast/internal/daemon/vrrpd"
)

func newRun() *cobra.Command {
	var file, control, id, namespace string
	var opts role.Options
	var debug bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon in the foreground",
		Long: `Run the daemon in the foreground and log to stderr.

SIGHUP reads the configuration anew: it is checked whole first, and a bad one
changes nothing. SIGTERM and SIGINT release the virtual addresses in order,
take the IPVS table away and end with exit code 0.`,
		Example: "  holdfast run -f /etc/holdfast/holdfast.toml\n  holdfast run -f /etc/keepalived/keepalived.conf",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			prog, err := program()
			if err != nil {
				return err
			}
			file = configOrDefault(file)
			options := load.Options{ConfigID: id, Namespace: namespace, Interfaces: load.SystemInterfaces, Users: true}
			own := load.Daemon(file, options)
			if namespace != "" {
				own.NetNamespace = namespace
			}
			if err := enterNamespace(prog, own.NetNamespace); err != nil {
				return err
			}
			opts.Console = true
			if debug {
				opts.Detail = 1
			}
			log, flush := logging.New(opts, "parent")
			defer flush()
			socket := controlOrDefault(control)
			if dir := folderOf(runDir, &own); socket == defaultControl && dir != "" {
				socket = filepath.Join(dir, named(filepath.Base(socket), &own))
			}
			code := daemon.Run(daemon.Options{
				Options: opts, Version: version, Program: prog, Argv: osArgs(),
				ConfigFile: file, ConfigID: id, VRRP: true, LVS: true,
				PIDFile: pidBeside(socket, named("holdfast", &own)), VRRPPID: pidBeside(socket, named("vrrp", &own)), LVSPID: pidBeside(socket, named("lvs", &own)),
				Control: socket, State: stateBeside(socket),
				Check:   vrrpd.Check,
				Load:    loader(file, options),
				Refused: func([]config.Diagnostic) int { return 2 },
				Manager: serviceManager(log),
				Pulse:   pulse,
			}, log)
			flush()
			if code != 0 {
				return exitError{code}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", fmt.Sprintf("configuration, TOML when it ends in .toml, else keepalived.conf (default %s, or %s when only that exists)", defaultConfig, compatConfig))
	configIDFlag(f, &id)
	f.StringVar(&control, "control", "", "control socket (default $"+controlEnv+" or "+defaultControl+"); pid and state files lie beside it")
	f.StringVarP(&namespace, "namespace", "s", "", "network namespace to run in (default: net_namespace of the configuration, else the caller's)")
	completeBy(cmd, "namespace", load.SystemNamespaces)
	f.BoolVarP(&opts.DontReleaseVRRP, "dont-release-vrrp", "V", false, "keep the virtual addresses at stop")
	f.BoolVarP(&opts.DontReleaseIPVS, "dont-release-ipvs", "I", false, "keep the IPVS table at stop: connections go on, and the next start changes only what differs")
	f.BoolVar(&opts.JSON, "log-json", false, "log lines as JSON")
	f.BoolVar(&debug, "debug", false, "log details")
	return cmd
}
