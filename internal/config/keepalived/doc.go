// Package keepalived reads keepalived.conf into the tree of package config.
//
// It knows the text only: lines, comments, quotes, braces, includes, lines kept
// by a configuration id, and parameters. What the statements mean is the
// schema's business. The rules are keepalived's: a statement ends with its
// line, only braces split lines, and braces may stand anywhere.
//
// Input is not trusted: files, their size, the depth of includes and the length
// of expanded text are bounded, and reaching a bound is a diagnostic.
package keepalived
