package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/net/websocket"
)

// connection sends commands and reads their results, one at a time.
type connection struct {
	socket *websocket.Conn
	last   int
}

// origin is what connections state, and browsers are told to allow.
const origin = "http://127.0.0.1"

// patience limits each command whose context has no deadline.
const patience = time.Minute

// connect opens a connection to a browser's address, such as ws://127.0.0.1:9222/session.
func connect(ctx context.Context, address string) (*connection, error) {
	config, err := websocket.NewConfig(address, origin)
	if err != nil {
		return nil, fmt.Errorf("connect to the browser: %w", err)
	}
	socket, err := config.DialContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the browser: %w", err)
	}
	return &connection{socket: socket}, nil
}

// call sends a command, and reads its result into out, unless that is nil.
func (c *connection) call(ctx context.Context, method string, params map[string]any, out any) error {
	deadline, has := ctx.Deadline()
	if !has {
		deadline = time.Now().Add(patience)
	}
	if err := c.socket.SetDeadline(deadline); err != nil {
		return err
	}
	c.last++
	command := map[string]any{"id": c.last, "method": method, "params": params}
	if err := websocket.JSON.Send(c.socket, command); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	for {
		var message struct {
			ID             int
			Type           string
			Result         json.RawMessage
			Error, Message string
		}
		if err := websocket.JSON.Receive(c.socket, &message); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		switch {
		case message.ID != c.last: // an event
		case message.Type == "error":
			return fmt.Errorf("%s: %s: %s", method, message.Error, message.Message)
		case out == nil:
			return nil
		default:
			return json.Unmarshal(message.Result, out)
		}
	}
}
