// Package wire is the form in which plain values travel between the processes
// of the daemon: a struct is its fields that are not zero, each with a number.
//
// A function for each type names its fields, once for both directions:
//
//	func point(f *wire.Fields, p *Point) {
//		wire.Int(f, 1, &p.X)
//		wire.Int(f, 2, &p.Y)
//	}
//
// The processes may be of different versions of the program for a while. So the
// number of a field says the same for ever: a new field gets the next one, and that
// of a field which is no more is not given again. A reader leaves out the fields
// that it does not know; those that did not come are zero. A list without elements
// travels as none.
//
// Nothing is looked up by reflection, which needs more memory than the values.
package wire
