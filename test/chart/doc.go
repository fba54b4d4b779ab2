// Package chart renders the Helm chart, as Helm does, and reads what came out.
//
// In: the folder of the chart and values. Out: objects, as text and decoded, hooks
// apart, and the notes for people. Nothing is asked of a cluster, and nothing is
// written: [Manifests] only returns what is to be.
package chart
