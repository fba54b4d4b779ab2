// Manifests writes the files made from the Helm chart into the repository whose folder is
// its argument.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/overrides-mesh/overrides/test/chart"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manifests FOLDER")
		os.Exit(2)
	}
	files, err := chart.Manifests(context.Background(), os.Args[1])
	if err == nil {
		err = chart.Write(os.Args[1], files)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
