// Package machine is the process in which the local mesh runs: it has its own user,
// network, process, mount and host name namespaces, and starts the control plane, the
// agent that runs Pods, and the servers that they need.
//
// Input: a [Config], on standard input. Output: lines of JSON that report its progress
// ([Event]). A program that imports package localmesh is this process when it is started
// under [Name]. It is the first process of its namespace, so that everything it started
// ends with it, and it ends when its standard input is closed, which the end of its
// parent also causes. Meanwhile it answers requests on a socket ([Request]): it makes
// connections in its network and hands them over as file descriptors.
//
// It must never run outside namespaces that were created for it.
package machine
