package istio

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// Packer packs objects. The zero Packer is ready for use, and not safe for concurrent use.
type Packer struct {
	buffer bytes.Buffer
	writer *flate.Writer
}

// Pack encodes an object, and keeps its JSON compressed, to a tenth or less, instead of what it
// is made of.
func (p *Packer) Pack(u *Unencoded) error {
	object, err := u.Encode()
	if err != nil {
		return err
	}
	p.buffer.Reset()
	if p.writer == nil {
		p.writer, err = flate.NewWriter(&p.buffer, flate.BestSpeed)
	} else {
		p.writer.Reset(&p.buffer)
	}
	if err == nil {
		_, err = p.writer.Write(object.JSON)
	}
	if err == nil {
		err = p.writer.Close()
	}
	if err != nil {
		return fmt.Errorf("pack %s: %w", u.Object, err)
	}
	*u = Unencoded{Object: u.Object, packed: bytes.Clone(p.buffer.Bytes())}
	return nil
}

// unpack returns the JSON of a packed object.
func (u *Unencoded) unpack() (Object, error) {
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(u.packed)))
	if err != nil {
		return Object{}, fmt.Errorf("unpack %s: %w", u.Object, err)
	}
	return Object{Object: u.Object, JSON: data}, nil
}
