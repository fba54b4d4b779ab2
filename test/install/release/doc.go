// Package release installs, upgrades and uninstalls the Helm chart, with Helm's own code.
//
// Input: a kubeconfig, the chart's folder and values. The effect on the cluster is the
// same as with the program helm.
package release
