// Package sample runs a service of the package chain as a program in a pod.
//
// Input: the environment of the pod, and signals as the end of a context. Output: a
// server that behaves as a pod's program should or, on request of a test, as one should
// not: slow to start, crashing, ignoring SIGTERM.
//
// It must never do anything by itself that ordinary programs don't do: tests are about
// the reaction of the proxies to a pod.
package sample
