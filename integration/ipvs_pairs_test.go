package integration

import "testing"

// TestInIPVS runs long tests that need the IPVS kernel two at a time, while
// nothing else runs: such a kernel has one processor, and labs that measure
// adverts would feel it.
func TestInIPVS(t *testing.T) {
	for pair, tests := range map[string]map[string]func(*testing.T){
		"one": {"kernel": ipvsKernel, "examples": examplesIPVS},
		"two": {"equality": ipvsEquality, "traffic": traffic},
	} {
		t.Run(pair, func(t *testing.T) {
			for name, f := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					f(t)
				})
			}
		})
	}
}
