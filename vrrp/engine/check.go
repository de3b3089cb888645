package engine

// Check reports what is contradictory in c, as New and Reload do: whoever has
// more than an engine to reload can ask before anything is changed.
func (c *Config) Check() error { return c.check() }
