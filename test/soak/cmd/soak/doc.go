// Command soak runs a soak and prints its counts: see package soak.
package main
