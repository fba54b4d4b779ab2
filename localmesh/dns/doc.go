// Package dns is a name server for cluster.local, like that of a cluster.
//
// Input: questions, and a [Lookup] that knows the Services: [Watch] makes one from an API
// server's Services and EndpointSlices. Output: A records of Services (their cluster IP;
// for headless Services their pods' IPs) and of pods with a host name, and CNAMEs of
// ExternalName Services. Existing names have no other records; a name that does not exist
// is NXDOMAIN, also outside cluster.local.
//
// It never asks another name server.
package dns
