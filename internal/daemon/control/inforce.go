package control

// InForce is the daemon's answer to "config": the configuration in force.
type InForce struct {
	File     string `json:"file"`                // that a reload would read
	ConfigID string `json:"config_id,omitempty"` // with which it would be read; empty: the host's name
	// Encoded is what package role's Decode reads.
	Encoded []byte `json:"encoded"`
	// Services says that the services are whole in it: without the lvs process
	// only their addresses are.
	Services bool `json:"services"`
}
