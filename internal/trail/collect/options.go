package collect

import (
	"errors"
	"time"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// Options are the settings of a collector.
type Options struct {
	// Reader reads what proxies send.
	Reader trail.Reader
	// ReceiveAddress is for proxies, AnswerAddress for queries, and StatusAddress for /metrics,
	// /healthz and /readyz.
	ReceiveAddress, AnswerAddress, StatusAddress string
	// Peers is the name in DNS of all replicas; empty for none. They answer at the same port.
	Peers string
	// MaxBytes and MaxAge limit the records that are held.
	MaxBytes int
	MaxAge   time.Duration
	// MaxStreams limits the streams of proxies: each proxy has up to two for each of its workers.
	MaxStreams int
}

// DefaultOptions returns the options of a collector on its own.
func DefaultOptions() Options {
	return Options{
		ReceiveAddress: ":9911", AnswerAddress: ":9912", StatusAddress: ":9913",
		MaxBytes: 64 << 20, MaxAge: time.Hour, MaxStreams: 10_000,
	}
}

// Check returns an error if the options ask for a collector that could hold nothing.
func (o *Options) Check() error {
	switch {
	case o.MaxBytes < 1<<20:
		return errors.New("the records need at least 1 MiB of memory")
	case o.MaxAge < time.Second:
		return errors.New("records must be held for at least a second")
	case o.MaxStreams < 1:
		return errors.New("at least one stream must be allowed")
	}
	return nil
}
