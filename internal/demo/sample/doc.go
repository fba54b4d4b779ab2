// Package sample runs a service of the package chain as a program in a pod.
//
// In: the environment of the pod, and signals as the end of a context. Out: a
// server that behaves as a pod's program should, or, where a test asks for it, as
// one should not: slow to come up, crashing, deaf to SIGTERM.
//
// It must never do anything of its own accord that ordinary programs don't do:
// what the proxies make of a pod is what is being tested.
package sample
