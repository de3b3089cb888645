package config

import "strings"

// Word is one word of a statement, after quotes were taken off.
type Word struct {
	Text   string
	Pos    Pos
	Quoted bool // it was written in quotes (or is a TOML string)
}

// Node is one statement of a configuration file in either language:
// a keyword with its arguments, and a block when braces follow it. The tree
// says nothing about meaning: Lookup tells what a keyword's children are.
//
//   - a statement such as "priority 100" has two words and no block;
//   - a block such as "vrrp_instance VI_1 { … }" has Block set and one child
//     a statement;
//   - a block of lines such as "virtual_ipaddress { … }" looks the same, and
//     the words of each child are data: the first one is no keyword;
//   - a '}' where the text has no block open is a node of the root with neither
//     words nor a block.
//
// A root node has no words and the statements of the file as children.
type Node struct {
	Words    []Word // keyword and arguments; empty for the root and for a stray brace
	Block    bool
	Children []*Node
	Pos, End Pos // the first word, and the closing brace (zero: there is none) or the last word

	// Refused: something in it could not be read, which is reported. That it lacks
	// something need not be said then.
	Refused bool

	Brace Pos // the opening brace of a block; zero in TOML

	// Raw is the statement as written (without comment), for the keywords that
	// take a command line: there quotes and escapes have their own rules. It
	// is empty for TOML, where words are taken as they are.
	Raw string

	// Comments are written above the statement, without their mark. Readers
	// leave them out. What is to be written has them also at the end of a block,
	// on a node with neither words nor a block.
	Comments []string
}

// closes reports whether n is a '}' without a block.
func (n *Node) closes() bool { return len(n.Words) == 0 && !n.Block }

// Keyword returns the first word, or "" when there is none.
func (n *Node) Keyword() string {
	if len(n.Words) == 0 {
		return ""
	}
	return n.Words[0].Text
}

// Args returns the words after the keyword.
func (n *Node) Args() []Word {
	if len(n.Words) == 0 {
		return nil
	}
	return n.Words[1:]
}

// Arg returns the text of argument i, counted from 0; "" when it is missing.
func (n *Node) Arg(i int) string {
	if i < 0 || i+1 >= len(n.Words) {
		return ""
	}
	return n.Words[i+1].Text
}

// ArgPos returns the place of argument i, or the statement's when it is missing.
func (n *Node) ArgPos(i int) Pos {
	if i < 0 || i+1 >= len(n.Words) {
		return n.Pos
	}
	return n.Words[i+1].Pos
}

// Text returns the words joined by single blanks, for messages.
func (n *Node) Text() string {
	var b strings.Builder
	for i, w := range n.Words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.Text)
	}
	return b.String()
}
