//go:build race

package uml

// raceEnabled says that this test binary has the race detector, whose shadow
// memory the guest's kernel cannot give.
const raceEnabled = true
