// Package ipvstable is what the commands `holdfast ipvs ...` do: it lists the
// kernel's IPVS table, counts rates, and brings the table to the state of a
// rule file as one difference.
//
// It needs no daemon. Where one runs, its services are marked, and left as
// they are unless that is asked for.
package ipvstable
