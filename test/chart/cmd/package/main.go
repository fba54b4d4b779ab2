// Package packages the Helm chart of the repository that is its first argument, in a
// version that is its second, into the folder that is its third.
package main

import (
	"fmt"
	"os"

	"github.com/overrides-mesh/overrides/test/chart"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: package REPOSITORY VERSION FOLDER")
		os.Exit(2)
	}
	path, err := chart.Package(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, path)
}
