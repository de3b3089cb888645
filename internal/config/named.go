package config

// named are values by name. They are few, so that looking through them is as fast
// as a map, and a list is in the program as it is, where a map is made at each start
// of each process.
type named[T any] []struct {
	name  string
	value T
}

// find returns the value of that name.
func (list named[T]) find(name string) (value T, ok bool) {
	for i := range list {
		if list[i].name == name {
			return list[i].value, true
		}
	}
	return value, false
}
