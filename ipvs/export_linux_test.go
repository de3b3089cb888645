package ipvs

import (
	"time"

	"golang.org/x/net/bpf"
)

// LoseAnswers has the kernel's answers to k get lost, until it connects anew,
// and k not wait for them long.
func LoseAnswers(k Kernel) error {
	g := k.(*genl)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.dial(); err != nil {
		return err
	}
	g.wait = 500 * time.Millisecond
	drop, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
	if err != nil {
		return err
	}
	return g.nl.SetBPF(drop)
}

// AnswersCome undoes what LoseAnswers did to the time of waiting.
func AnswersCome(k Kernel) {
	g := k.(*genl)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wait = answerTime
}
