package vrrpd

import (
	"holdfast/internal/config"
	"holdfast/internal/daemon/track"
	"holdfast/vrrp"
	"holdfast/vrrp/bfd"
	"holdfast/vrrp/engine"
)

// noPeers is the key of a track that is down for ever: unicast_fault_no_peer.
const noPeers = "unicast without peers"

func instanceTracks(in *config.VRRPInstance) []vrrp.Track {
	out := tracks(in.TrackScripts, in.TrackInterfaces, in.TrackFiles, in.TrackProcesses, in.TrackBFDs)
	if in.FaultNoPeer {
		out = append(out, vrrp.Track{Key: noPeers})
	}
	return out
}

func groupTracks(g *config.SyncGroup) []vrrp.Track {
	return tracks(g.TrackScripts, g.TrackInterfaces, g.TrackFiles, g.TrackProcesses, g.TrackBFDs)
}

// sessions are the BFD sessions that virtual routers track.
func sessions(list []config.BFDInstance) []bfd.Instance {
	var out []bfd.Instance
	for _, b := range list {
		out = append(out, bfd.Instance{
			Config: bfd.Config{MinTX: b.MinTX, MinRX: b.MinRX, IdleTX: b.IdleTX, Multiplier: b.Multiplier, Passive: b.Passive},
			Name:   b.Name, Neighbor: b.Neighbor, Source: b.Source, TTL: b.TTL, MaxHops: b.MaxHops, Multihop: b.Multihop,
		})
	}
	return out
}

func tracks(scripts, interfaces, files, processes, bfds []config.Track) []vrrp.Track {
	out := make([]vrrp.Track, 0, len(scripts)+len(interfaces)+len(files)+len(processes)+len(bfds))
	add := func(list []config.Track, key func(string) string, scaled bool) {
		for _, t := range list {
			out = append(out, vrrp.Track{Key: key(t.Name), Weight: t.Weight, Reverse: t.Reverse, Scaled: scaled, Pending: true})
		}
	}
	add(scripts, track.Key, false)
	add(interfaces, engine.InterfaceKey, false)
	add(files, track.FileKey, true)
	add(processes, track.ProcessKey, false)
	add(bfds, track.BFDKey, false)
	return out
}
