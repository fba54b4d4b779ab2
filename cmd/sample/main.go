// Sample is the service in the pods of examples/chain. Its environment configures it: see
// sample -h.
package main

import (
	"context"
	"os"

	"github.com/overrides-mesh/overrides/internal/demo/sample"
)

func main() {
	os.Exit(sample.Main(context.Background(), sample.Process{
		Args: os.Args[1:], Getenv: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}
