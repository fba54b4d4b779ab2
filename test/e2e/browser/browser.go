package browser

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
)

// Kind is a kind of browser.
type Kind string

// The kinds.
const (
	Chromium Kind = "chromium"
	Firefox  Kind = "firefox"
)

// Kinds are all kinds.
var Kinds = []Kind{Chromium, Firefox}

// The size of pages, in pixels.
const width, height = 640, 230

// Browser is a running browser with one page.
type Browser struct {
	connection *connection
	// page is the identity of the page.
	page string
	stop func()
}

// open gets the page of a browser, and its size.
func (b *Browser) open(ctx context.Context) error {
	var tree struct{ Contexts []struct{ Context string } }
	if err := b.connection.call(ctx, "browsingContext.getTree", map[string]any{}, &tree); err != nil {
		return err
	}
	if len(tree.Contexts) == 0 {
		return errors.New("the browser has no page")
	}
	b.page = tree.Contexts[0].Context
	return b.connection.call(ctx, "browsingContext.setViewport", b.with(map[string]any{"viewport": map[string]any{"width": width, "height": height}}), nil)
}

// with adds the page to parameters.
func (b *Browser) with(params map[string]any) map[string]any {
	params["context"] = b.page
	return params
}

// Close ends the browser.
func (b *Browser) Close() { b.stop() }

// Go opens an address, and waits until its page is complete.
func (b *Browser) Go(ctx context.Context, url string) error {
	return b.connection.call(ctx, "browsingContext.navigate", b.with(map[string]any{"url": url, "wait": "complete"}), nil)
}

// Text returns the value of an expression of JavaScript in the page, which is a text.
func (b *Browser) Text(ctx context.Context, expression string) (string, error) {
	var out struct {
		Type             string
		Result           struct{ Value string }
		ExceptionDetails struct{ Text string }
	}
	err := b.connection.call(ctx, "script.evaluate", map[string]any{
		"expression": expression, "target": b.with(map[string]any{}), "awaitPromise": false,
	}, &out)
	if err == nil && out.Type != "success" {
		err = fmt.Errorf("evaluate %s: %s", expression, out.ExceptionDetails.Text)
	}
	return out.Result.Value, err
}

// Click moves the pointer to the first element that a CSS selector matches, and clicks.
func (b *Browser) Click(ctx context.Context, selector string) error {
	at, err := b.Text(ctx, fmt.Sprintf("(() => { const r = document.querySelector(%q).getBoundingClientRect(); return `${Math.round(r.x + r.width / 2)} ${Math.round(r.y + r.height / 2)}` })()", selector))
	if err != nil {
		return err
	}
	var x, y int
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		return fmt.Errorf("find %s: %w", selector, err)
	}
	return b.act(ctx, map[string]any{"type": "pointer", "id": "mouse", "actions": []any{
		map[string]any{"type": "pointerMove", "x": x, "y": y},
		map[string]any{"type": "pointerDown", "button": 0},
		map[string]any{"type": "pointerUp", "button": 0},
	}})
}

// Type presses and releases the key of each character, in the element that has the focus.
func (b *Browser) Type(ctx context.Context, text string) error {
	var keys []any
	for _, r := range text {
		keys = append(keys, map[string]any{"type": "keyDown", "value": string(r)}, map[string]any{"type": "keyUp", "value": string(r)})
	}
	return b.act(ctx, map[string]any{"type": "key", "id": "keyboard", "actions": keys})
}

func (b *Browser) act(ctx context.Context, source map[string]any) error {
	return b.connection.call(ctx, "input.performActions", b.with(map[string]any{"actions": []any{source}}), nil)
}

// Picture returns a picture of the page, as a PNG.
func (b *Browser) Picture(ctx context.Context) ([]byte, error) {
	var out struct{ Data string }
	if err := b.connection.call(ctx, "browsingContext.captureScreenshot", b.with(map[string]any{}), &out); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(out.Data)
}
