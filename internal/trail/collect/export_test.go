package collect

import "context"

// SetReplicas says where all replicas answer.
func (c *Collector) SetReplicas(replicas func(context.Context) ([]string, error)) {
	c.replicas = replicas
}
