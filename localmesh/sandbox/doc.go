// Package sandbox gives each Pod its own network, on Linux, without root.
//
// [NewNetwork] creates a bridge in the caller's network namespace, which must have been
// created for this, as package machine does. [Network.New] creates the namespaces of one
// Pod: a network with eth0 on the bridge and, optionally, the redirection of TCP into a
// sidecar that Istio sets up in a cluster; and a mount namespace with the Pod's own
// /etc/resolv.conf. Programs are started in them and connections made from them;
// [Sandbox.Close] leaves nothing behind.
//
// It never changes the network of the machine that it runs on.
package sandbox
