// Package chart renders the Helm chart as Helm does, and reads the result.
//
// Input: the chart's folder, and values. Output: objects, as text and decoded, hooks
// separately, and the notes for users. It asks no cluster, and writes nothing unless
// [Write] or [Package] is called: [Manifests] only returns files.
package chart
