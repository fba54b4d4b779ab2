package istiod

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1client "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/proxysync"
)

const (
	// selector is on the Services of istiod, of every revision, and so on their
	// EndpointSlices.
	selector = "app=istiod"
	// portName and port are those at which istiod serves proxies over TLS.
	portName = "https-dns"
	port     = 15012
)

// Options say how istiod is asked.
type Options struct {
	// Namespace is where istiod runs: Istio's root namespace.
	Namespace string
	// ServiceAccount is the one in that namespace in whose name istiod is asked.
	ServiceAccount string
	// Addresses are HOST:PORT of istiods; empty means those of the Services labelled
	// app=istiod.
	Addresses []string
	// Dial connects to one; nil means over the network.
	Dial Dial
}

// DefaultServiceAccount is the one that the chart makes.
const DefaultServiceAccount = "overrides-istiod-reader"

// ErrNone is that there is no istiod.
var ErrNone = errors.New("there is no istiod")

// Client asks istiods. It is not for use by several at once.
type Client struct {
	options Options
	core    corev1client.CoreV1Interface
	slices  discoveryv1client.EndpointSlicesGetter
	who     *identity
}

// New makes a Client. Nothing is asked yet.
func New(config *rest.Config, options Options) (*Client, error) {
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	endpoints, err := discoveryv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	if options.Dial == nil {
		options.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return &Client{options: options, core: core, slices: endpoints}, nil
}

// Self is our name among those that istiod lists.
func (c *Client) Self() string { return asker + "." + c.options.Namespace }

// Session is a conversation with all istiods.
type Session struct {
	streams map[string]*stream
}

// Open connects to all istiods that there are now. Close must be called on what it
// returns.
func (c *Client) Open(ctx context.Context) (*Session, error) {
	who, err := c.identify(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	targets, err := c.targets(ctx)
	if err != nil {
		return nil, err
	}
	s := &Session{streams: map[string]*stream{}}
	for _, t := range targets {
		if s.streams[t.address], err = open(ctx, t, who, c.options.Dial); err != nil {
			delete(s.streams, t.address)
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Close ends the conversation.
func (s *Session) Close() {
	for _, x := range s.streams {
		x.close()
	}
}

// Ask is what to ask in a round.
type Query struct {
	Questions []proxysync.Question
	// Routes are the names of route configurations to be sent, until they are not among
	// these any more.
	Routes []string
	// Anew has all of them sent now, and not only those that were not asked for before.
	Refresh bool
}

// Told is what all istiods said in a round.
type Reply struct {
	Answers []proxysync.Answer
	Names   []proxysync.Names
	// Routes are those that came since the round before, each istiod's the earlier first.
	Routes []proxysync.Routes
}

// Round asks every istiod first what is asked of its proxies, then for all of them.
// After an error the session is of no use any more, and what was learnt in it is
// not to be relied on: an istiod may have been started anew.
func (s *Session) Round(ctx context.Context, ask *Query) (*Reply, error) {
	type result struct {
		told Reply
		err  error
	}
	results := make(chan result)
	for address, x := range s.streams {
		go func() {
			var r result
			r.told, r.err = x.round(ctx, address, ask)
			results <- r
		}()
	}
	out := &Reply{}
	var errs []error
	for range s.streams {
		r := <-results
		out.Answers = append(out.Answers, r.told.Answers...)
		out.Names, out.Routes = append(out.Names, r.told.Names...), append(out.Routes, r.told.Routes...)
		errs = append(errs, r.err)
	}
	slices.SortFunc(out.Answers, func(a, b proxysync.Answer) int { return strings.Compare(a.Istiod, b.Istiod) })
	return out, errors.Join(errs...)
}

// round asks one istiod.
func (s *stream) round(ctx context.Context, address string, ask *Query) (Reply, error) {
	defer context.AfterFunc(ctx, s.cancel)()
	// What goes wrong here goes wrong with the first question too, which tells more.
	_ = s.subscribe(ask.Routes, ask.Refresh)
	names, err := s.namesOf(ctx, ask.Questions)
	if err != nil {
		return Reply{}, err
	}
	proxies, err := s.proxies(ctx)
	return Reply{[]proxysync.Answer{{Istiod: address, Proxies: proxies}}, names, s.taken()}, err
}

func (s *stream) proxies(ctx context.Context) ([]proxysync.Proxy, error) {
	data, err := s.ask(ctx, "syncz")
	if err != nil {
		return nil, err
	}
	return readProxies(data)
}

// namesOf asks what is to be asked of this istiod. What it can't answer is left out.
func (s *stream) namesOf(ctx context.Context, ask []proxysync.Question) ([]proxysync.Names, error) {
	var out []proxysync.Names
	for _, q := range ask {
		if q.Istiod != s.target.address {
			continue
		}
		data, err := s.ask(ctx, "adsz?proxyID="+url.QueryEscape(q.Proxy+"-"))
		if err != nil {
			return nil, err
		}
		if clusters, ok := readClusters(data, q.Proxy); ok {
			out = append(out, proxysync.Names{Question: q, Clusters: clusters})
		}
	}
	return out, nil
}

// targets lists the istiods.
func (c *Client) targets(ctx context.Context) ([]target, error) {
	if len(c.options.Addresses) > 0 {
		var out []target
		for _, address := range c.options.Addresses {
			out = append(out, target{address, "istiod." + c.options.Namespace + ".svc"})
		}
		return out, nil
	}
	list, err := c.slices.EndpointSlices(c.options.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list endpoints of istiod: %w", err)
	}
	found := map[string]target{}
	for i := range list.Items {
		addTargets(found, &list.Items[i])
	}
	if len(found) == 0 {
		return nil, ErrNone
	}
	return slices.Collect(maps.Values(found)), nil
}

// addTargets adds the istiods of a slice. Those that are not ready, or are ending,
// are among them: proxies may be connected to them.
func addTargets(to map[string]target, s *discoveryv1.EndpointSlice) {
	number := port
	for _, p := range s.Ports {
		if p.Name != nil && *p.Name == portName && p.Port != nil {
			number = int(*p.Port)
		}
	}
	host := s.Labels[discoveryv1.LabelServiceName] + "." + s.Namespace + ".svc"
	for _, e := range s.Endpoints {
		for _, ip := range e.Addresses {
			address := net.JoinHostPort(ip, strconv.Itoa(number))
			if before, ok := to[address]; !ok || len(host) < len(before.host) {
				to[address] = target{address, host}
			}
		}
	}
}
