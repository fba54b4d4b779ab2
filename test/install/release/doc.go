// Package release installs, upgrades and uninstalls the Helm chart, by Helm's own code.
//
// In go a kubeconfig, the chart's folder and values; what happens in the cluster is
// what the program helm would do there.
package release
