module github.com/overrides-mesh/overrides/pkg/override

go 1.22
