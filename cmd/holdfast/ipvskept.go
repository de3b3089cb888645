package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"holdfast/internal/daemon/control"
	"holdfast/internal/daemon/role"
	"holdfast/internal/ipvstable"
	"holdfast/ipvs"
)

// keptBy is what the daemon at a control socket keeps as it has it configured:
// nothing where none listens. An error means that one may be there, and that
// what it keeps is not known. A firewall mark counts for both families.
func keptBy(socket string) (ipvstable.Kept, error) {
	var st control.Status
	err := control.Ask(socket, control.Request{Command: "status"}, &st)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return ipvstable.Kept{}, nil
	}
	if err != nil {
		return ipvstable.Kept{}, errors.New(err.Error()) // it has no exit code of its own here
	}
	return keptOf(&st)
}

// keptOf reads it from the daemon's status.
func keptOf(st *control.Status) (k ipvstable.Kept, err error) {
	is := func(p control.Process) bool { return p.Role == string(role.LVS) }
	if len(st.LVS) == 0 || string(st.LVS) == "null" {
		switch {
		case slices.Contains(st.Missing, string(role.LVS)) || slices.ContainsFunc(st.Processes, is):
			return k, errors.New("the lvs process of the running holdfast did not answer")
		case len(st.Processes) == 0:
			return k, errors.New("the running holdfast has not started its processes yet")
		}
		return k, nil // it has nothing to do with IPVS
	}
	var lvs control.LVS
	if err := json.Unmarshal(st.LVS, &lvs); err != nil {
		return k, fmt.Errorf("the status of the lvs process is not understood: is the daemon of another version? %w", err)
	}
	if b := lvs.Busy; b != nil {
		return k, fmt.Errorf("the lvs process of the running holdfast is busy with %s since %s: its services are not known for certain; try again when it has done", b.With, b.Since.Format(time.TimeOnly))
	}
	owned := map[string]bool{}
	for i := range lvs.Services {
		s := &lvs.Services[i]
		owned[s.Name] = true
		for _, m := range s.Members {
			owned[m.Name] = true
		}
	}
	return ipvstable.Kept{
		Services: func(k ipvs.ServiceKey) bool { return owned[k.String()] },
		Daemons:  lvs.Sync != nil, Timeouts: lvs.Timeouts != nil,
	}, nil
}
