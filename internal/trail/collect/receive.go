package collect

import (
	"errors"
	"io"
	"log/slog"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/overrides-mesh/overrides/internal/trail"
)

const (
	// maxMessage limits a message: Envoy sends a batch of 16 KiB, or one entry that is larger, and
	// in the first one its node, which has the labels and annotations of a pod.
	maxMessage = 1 << 20
	// maxPerConnection limits the streams of one connection: a worker of a proxy has two.
	maxPerConnection = 16
	// A connection without a stream is closed after idle; one whose other end is gone, after
	// probe and probeTimeout. Proxies ping every 30 s.
	idle, probe, probeTimeout, minPing = 5 * time.Minute, time.Minute, 20 * time.Second, 10 * time.Second
)

// receiver is the access log service.
type receiver struct {
	accesslogv3.UnimplementedAccessLogServiceServer

	reader  trail.Reader
	store   *store
	metrics *metrics
	log     *slog.Logger
	// free has an element for each stream that may be opened.
	free chan struct{}
}

// server returns the gRPC server of the receiver.
func (r *receiver) server() *grpc.Server {
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(maxPerConnection), grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idle, Time: probe, Timeout: probeTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
	)
	accesslogv3.RegisterAccessLogServiceServer(s, r)
	return s
}

// StreamAccessLogs receives the entries of one log of a proxy, until the proxy ends it. The error is
// the answer to the proxy.
func (r *receiver) StreamAccessLogs(stream accesslogv3.AccessLogService_StreamAccessLogsServer) error {
	select {
	case <-r.free:
		defer func() { r.free <- struct{}{} }()
	default:
		r.metrics.refused.WithLabelValues(tooManyStreams).Inc()
		return status.Error(codes.ResourceExhausted, "there are too many streams")
	}
	r.metrics.streams.Inc()
	defer r.metrics.streams.Dec()
	message, err := stream.Recv()
	if err != nil {
		return ended(err)
	}
	source, err := r.reader.Source(message.GetIdentifier())
	if err != nil {
		r.metrics.refused.WithLabelValues(notAProxy).Inc()
		r.log.Warn("refused a stream", "error", err)
		return status.Error(codes.InvalidArgument, err.Error())
	}
	for err == nil {
		r.add(&source, message)
		message, err = stream.Recv()
	}
	return ended(err)
}

// add keeps the entries of a message that are records.
func (r *receiver) add(source *trail.Source, message *accesslogv3.StreamAccessLogsMessage) {
	now := time.Now()
	if tcp := len(message.GetTcpLogs().GetLogEntry()); tcp > 0 {
		r.metrics.received.Add(float64(tcp))
		r.metrics.dropped.WithLabelValues(string(notHTTP)).Add(float64(tcp))
	}
	for _, entry := range message.GetHttpLogs().GetLogEntry() {
		r.metrics.received.Inc()
		record, reason := r.reader.Record(source, entry)
		if reason != "" {
			r.metrics.dropped.WithLabelValues(string(reason)).Inc()
			continue
		}
		r.metrics.kept.Inc()
		r.metrics.evicted.Add(float64(r.store.add(&record, now)))
	}
}

// ended returns what a proxy gets at the end of its stream.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
