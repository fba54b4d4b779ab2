package valid

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one reason why an object would be refused.
type Problem struct {
	// Path is the field, as in "http[0].match[1].headers[x y]".
	Path    string
	Message string
	// Schema is set if the schema of the CustomResourceDefinition refuses the object, and
	// Istio's webhook does not.
	Schema bool
}

// String returns "path: message".
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// Checker checks objects one after another. It remembers which patterns compile, so that
// a pattern of many routes is compiled once. The zero Checker is ready to use.
type Checker struct {
	patterns map[string]error
	problems []Problem
	// namespace is the namespace of the object that is checked.
	namespace string
	// forMesh is set for a VirtualService that applies to sidecars.
	forMesh bool
}

// path is a field within an object. It is formatted only if there is a problem.
type path struct {
	parent *path
	name   string
	// index is the index in a list plus one, key the key in a map.
	index int
	key   string
}

func (p *path) field(name string) path { return path{parent: p, name: name} }

func (p *path) at(name string, index int) path { return path{parent: p, name: name, index: index + 1} }

func (p *path) under(name, key string) path { return path{parent: p, name: name, key: key} }

// String copies p, so that a path that is never printed does not escape to the heap.
func (p *path) String() string {
	var b strings.Builder
	p.write(&b)
	return b.String()
}

func (p *path) write(b *strings.Builder) {
	if p.parent != nil {
		p.parent.write(b)
	}
	if p.name == "" {
		return
	}
	if b.Len() > 0 {
		b.WriteByte('.')
	}
	b.WriteString(p.name)
	switch {
	case p.index > 0:
		b.WriteString("[" + strconv.Itoa(p.index-1) + "]")
	case p.key != "":
		b.WriteString("[" + p.key + "]")
	}
}

func (c *Checker) add(at *path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: at.String(), Message: fmt.Sprintf(format, args...)})
}

// addSchema adds a problem that only the schema reports.
func (c *Checker) addSchema(at *path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: at.String(), Message: fmt.Sprintf(format, args...), Schema: true})
}

// take returns the problems in a fixed order.
func (c *Checker) take() []Problem {
	out := c.problems
	c.problems = nil
	slices.SortFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(out)
}
