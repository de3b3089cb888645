// Command install installs, with apt-get and as root, every program that the
// tests, the demo and the benchmark use; elsewhere it says what to install.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"holdfast/integration/deps"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := deps.Ensure(ctx, os.Stderr, deps.All()...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
