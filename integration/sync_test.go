package integration

import (
	"os"
	"testing"
	"time"

	"holdfast/integration/lab"
)

const (
	// envSurvival asks for the full form of TestConnectionSync (make survival).
	envSurvival = "HOLDFAST_SURVIVAL"
	// envResults is a folder, which exists, where captures are to be left.
	envResults = "HOLDFAST_RESULTS"
)

// TestConnectionSync holds what is to be known of connection sync, in one IPVS
// kernel.
func TestConnectionSync(t *testing.T) {
	lab.Require(t, "ipvsadm", "tcpdump", "keepalived")
	if inIPVS(t, 10*time.Minute) {
		return
	}
	full := os.Getenv(envSurvival) != ""
	for name, f := range map[string]func(testing.TB){
		"connections survive": survival,
		"stream":              syncStream,
		"life":                syncLife,
	} {
		if full && name != "connections survive" {
			continue
		}
		t.Run(name, patiently(f))
	}
}
