package config

import "slices"

// without removes what leave names from a list, in place, and returns nil when
// nothing is left: a list that became empty is the same as one that was never
// written, also when configurations are compared.
func without[T any](list []T, leave func(T) bool) []T {
	if list = slices.DeleteFunc(list, leave); len(list) == 0 {
		return nil
	}
	return list
}
