// Package sandbox gives each Pod a network of its own, on Linux, without root.
//
// [NewNetwork] makes a bridge in the network namespace of the caller, which must
// have been made for this: package machine does. [Network.New] makes the
// namespaces of one Pod: a network with eth0 on the bridge and, where asked for,
// the redirection of TCP into a sidecar that Istio sets up in a cluster; and a
// mount namespace with the Pod's own /etc/resolv.conf. Programs are started in
// them and connections made from them; [Sandbox.Close] leaves nothing.
//
// It must never change the network of the machine it runs on.
package sandbox
