package config

// setter puts what one statement says into target, which is the value the
// enclosing block is decoded into.
type setter func(d *decoder, target any, n *Node)

// decoder is the state of decoding one tree.
type decoder struct{}
