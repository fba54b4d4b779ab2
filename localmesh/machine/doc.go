// Package machine is what the local mesh runs on: a process in user, network,
// process, mount and host name namespaces of its own, which starts the control
// plane, the agent that runs Pods, and what serves them.
//
// In go a [Config], on standard input; out come lines of JSON that say how far it
// has come ([Event]). A program that imports package localmesh is that process
// when it is started under [Name]. It is the first process of its namespace, so
// that whatever it started ends with it, and it ends when its standard input is
// closed: with whoever started it. Meanwhile it answers on a socket ([Request]):
// connections are made in its network and handed over as file descriptors.
//
// It must never run outside namespaces that were made for it.
package machine
