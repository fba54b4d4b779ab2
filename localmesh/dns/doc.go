// Package dns answers for cluster.local, as a cluster's name server does.
//
// In go questions, and a [Lookup] that knows the Services: [Watch] makes one of
// an API server's Services and EndpointSlices. Out come A records of Services
// (their cluster IP; of headless ones their pods'), of pods with a host name,
// and CNAMEs of ExternalName Services. Names that exist have no other records; a
// name that does not exist is NXDOMAIN, also outside cluster.local.
//
// It must never ask another name server.
package dns
