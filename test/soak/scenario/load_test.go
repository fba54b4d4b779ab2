package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/overrides-mesh/overrides/internal/demo/chain/chaintest"
	"github.com/overrides-mesh/overrides/internal/load"
)

// rate is the rate of requests of each kind from each place.
const rate = 20

func (s *scene) load(ctx context.Context, _ *testscript.TestScript, _ []string) error {
	s.began = time.Now()
	for place, namespace := range map[string]string{"home": s.namespace, "elsewhere": s.callers} {
		pod, err := s.mesh.Pod(ctx, namespace, "app=client")
		if err != nil {
			return err
		}
		client, err := s.mesh.Client(ctx, pod)
		if err != nil {
			return err
		}
		sources := []load.Source{
			{Name: place, Rate: rate, Send: s.sender(client, "shop", "")},
			{Name: place + " control", Rate: rate, Send: s.sender(client, "control", "")},
		}
		for _, version := range s.overrides {
			sources = append(sources, load.Source{Name: place + " " + version, Rate: rate / 2, Send: s.sender(client, "shop", version)})
		}
		s.running = append(s.running, load.Start(context.WithoutCancel(ctx), sources...))
	}
	return nil
}

// sender sends requests to a Service, and returns the version that served each.
func (s *scene) sender(client *http.Client, service, version string) func(context.Context) (string, error) {
	began := s.began
	return func(ctx context.Context) (string, error) {
		after := time.Since(began).Round(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		override := ""
		if version != "" {
			override = "shop:" + version
		}
		served, err := chaintest.Version(ctx, client, "http://"+service+"."+s.namespace+"/", override)
		if status := chaintest.StatusError(0); errors.As(err, &status) {
			return "", fmt.Errorf("%w after %v", status, after)
		}
		return served, err
	}
}

// end ends the load.
func (s *scene) end() {
	if s.counts == nil {
		s.counts = map[string]load.Count{}
	}
	for _, l := range s.running {
		for _, c := range l.Stop() {
			s.counts[c.Name] = c
		}
	}
	s.running = nil
}

func (s *scene) served(_ context.Context, ts *testscript.TestScript, args []string) error {
	s.end()
	if len(args) < 2 {
		ts.Fatalf("usage: served home|elsewhere VERSION…")
	}
	place, may := args[0], args[1:]
	control := s.counts[place+" control"]
	if slices.Equal(may, []string{"as", "control"}) {
		may = nil
		for version := range control.Answers {
			may = append(may, version)
		}
	}
	var errs []error
	for name, c := range s.counts {
		if !strings.HasPrefix(name, place) {
			continue
		}
		ts.Logf("%s", c.String())
		version := strings.TrimSpace(strings.TrimPrefix(name, place))
		forgiven := s.forgiven(&c)
		switch {
		case version == "control":
			s.tally.add(s.script, name, counted{sent: c.Sent, failed: c.Failed})
			continue
		case c.Sent == 0:
			errs = append(errs, fmt.Errorf("%s: nothing was sent", name))
		case c.Failed-forgiven > control.Failed:
			errs = append(errs, fmt.Errorf("%s: %d of %d failed, of control %d of %d", name, c.Failed, c.Sent, control.Failed, control.Sent))
		}
		misrouted := 0
		for served, n := range c.Answers {
			if served != version && !slices.Contains(may, served) {
				misrouted += n
				errs = append(errs, fmt.Errorf("%s: %d of %d were served by %s", name, n, c.Sent, served))
			}
		}
		s.tally.add(s.script, name, counted{sent: c.Sent, failed: c.Failed - forgiven, forgiven: forgiven, misrouted: misrouted})
	}
	return errors.Join(errs...)
}
