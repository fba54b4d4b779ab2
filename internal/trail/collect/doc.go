// Package collect is the collector of trails: proxies send it entries of Envoy's access log service,
// and it answers queries for the records of package trail.
//
//	options.go    what it is told
//	collector.go  its servers, from their start to their end
//	receive.go    entries, from proxies
//	store.go      the records, and who follows them
//	answer.go     queries, by HTTP
//	peer.go       … of the records that other replicas have
//	client.go     asks a collector
//	metric.go     Prometheus metrics
//
// It holds records in memory alone, in limits of bytes and age, so a restart loses them and nothing
// else. Routing never depends on it, and it writes nothing anywhere. Anybody who reaches it can
// send records, so it limits messages, streams and records.
package collect
