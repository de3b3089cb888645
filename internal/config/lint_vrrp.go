package config

import "fmt"

// lintInstances reports weights that do not do what they are there for.
func (d *decoder) lintInstances() {
	said := map[string]int{}
	say := func(i *instance, sev Severity, id, text, hint string) {
		if said[id]++; said[id] <= maxLints {
			d.reportHint(i.pos, sev, ClassNone, id, "vrrp_instance "+i.Name+": "+text, hint)
		}
	}
	for _, i := range d.state.instances {
		low, high, weights := i.reach()
		switch {
		case !weights:
		case i.Priority == 255:
			say(i, Warning, "owner-weight", "the priority of an address owner, 255, never changes: the weights have no effect", "use a priority below 255, or leave the weights out: failure then means FAULT")
		case i.NoPreempt && !i.StateMaster:
			say(i, Info, "nopreempt-weight", "a backup with nopreempt takes nothing from a master that lives: a weight on either side moves no address", "leave the weights out: failure then means FAULT")
		case high-low < smallWeight:
			say(i, Info, "small-weight", fmt.Sprintf("the weights move the priority between %d and %d: they change the winner only where the other's priority is among these", low, high),
				"use weights larger than the distance of the priorities, or leave them out: failure then means FAULT")
		}
	}
}

// smallWeight is less than what priorities of two directors usually differ by.
const smallWeight = 10

// reach is how far the weights of what an instance tracks move its priority.
func (i *VRRPInstance) reach() (low, high int, weights bool) {
	low, high = int(i.Priority), int(i.Priority)
	for _, list := range [][]Track{i.TrackScripts, i.TrackInterfaces, i.TrackFiles, i.TrackProcesses, i.TrackBFDs} {
		for _, t := range list {
			weights = weights || t.Weight != 0
			if t.Weight > 0 {
				high += t.Weight
			} else {
				low += t.Weight
			}
		}
	}
	for _, t := range i.TrackFiles { // times the number in the file
		if t.Weight != 0 {
			low, high = 1, 254
		}
	}
	return max(low, 1), min(high, 254), weights
}
