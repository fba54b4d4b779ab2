//go:build !linux

package localmesh

import (
	"errors"
	"io"
)

func (m *Mesh) spawn() (io.WriteCloser, io.Reader, error) {
	return nil, nil, errors.New("it needs the namespaces of Linux (`make demo` runs on macOS too)")
}

func (m *Mesh) reap() error { return nil }
