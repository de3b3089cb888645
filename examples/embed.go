// Package examples holds the example configurations, so that the demo and the
// tests run exactly what a reader of this folder sees.
package examples

import "embed"

// Files are all examples, each as NAME.conf and NAME.toml, and their scripts.
//
//go:embed *.conf *.toml *.sh
var Files embed.FS
