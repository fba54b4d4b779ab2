package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/machine"
)

// fleet is all sidecars.
type fleet struct {
	mesh     *localmesh.Mesh
	aim      atomic.Pointer[aim]
	sidecars []*sidecar
	running  sync.WaitGroup
	ctx      context.Context //nolint:containedctx // the life of the sidecars
	stop     context.CancelFunc
}

func newFleet(mesh *localmesh.Mesh) *fleet {
	f := &fleet{mesh: mesh}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// close ends all sidecars.
func (f *fleet) close() {
	f.stop()
	f.running.Wait()
}

// grow adds sidecars until there are n, and waits until all have received their first
// configuration.
func (f *fleet) grow(ctx context.Context, n int) error {
	for len(f.sidecars) < n {
		s, err := newSidecar(len(f.sidecars), &f.aim)
		if err != nil {
			return err
		}
		address := fmt.Sprintf("%s:%d", machine.NodeAddress, controlplane.XDSPort)
		connection, err := grpc.NewClient("passthrough:///"+address,
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
				return f.mesh.Dial(ctx, localmesh.Pod{}, address)
			}))
		if err != nil {
			return fmt.Errorf("make a client: %w", err)
		}
		f.sidecars = append(f.sidecars, s)
		f.running.Go(func() {
			defer connection.Close()
			s.run(f.ctx, connection)
		})
	}
	return poll(ctx, "all sidecars to have a configuration", func() bool {
		return !slices.ContainsFunc(f.sidecars, func(s *sidecar) bool { return !s.ready() })
	})
}

// begin sets the aim of all sidecars.
func (f *fleet) begin(a *aim) {
	f.aim.Store(a)
	for _, s := range f.sidecars {
		s.forget()
	}
}

// arrived returns when each sidecar received the endpoints and the routes; false if one
// has not.
func (f *fleet) arrived(routes bool) (warm, routed []time.Time, all bool) {
	for _, s := range f.sidecars {
		w, r := s.times()
		if w.IsZero() || routes && r.IsZero() {
			return nil, nil, false
		}
		warm, routed = append(warm, w), append(routed, r)
	}
	return warm, routed, true
}

// count returns the number of sidecars that have the endpoints, or the routes.
func (f *fleet) count(routes bool) int {
	n := 0
	for _, s := range f.sidecars {
		if w, r := s.times(); !routes && !w.IsZero() || routes && !r.IsZero() {
			n++
		}
	}
	return n
}
