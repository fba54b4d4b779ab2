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
	// selector matches the Services of every revision of istiod, and so their EndpointSlices.
	selector = "app=istiod"
	// portName and port are those on which istiod serves proxies over TLS.
	portName = "https-dns"
	port     = 15012
)

// Options configure a Client.
type Options struct {
	// Namespace is the namespace of istiod: Istio's root namespace.
	Namespace string
	// ServiceAccount is the service account in that namespace to authenticate as.
	ServiceAccount string
	// Addresses are HOST:PORT of istiods; empty means those of the Services labelled
	// app=istiod.
	Addresses []string
	// Dial connects to an istiod; nil means over the network.
	Dial Dial
}

// DefaultServiceAccount is the service account that the chart creates.
const DefaultServiceAccount = "overrides-istiod-reader"

// ErrNone means that there is no istiod.
var ErrNone = errors.New("there is no istiod")

// Client queries istiods. It is not safe for concurrent use.
type Client struct {
	options  Options
	core     corev1client.CoreV1Interface
	slices   discoveryv1client.EndpointSlicesGetter
	identity *identity
}

// New returns a Client. It does not connect yet.
func New(config *rest.Config, options Options) (*Client, error) {
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create client: %w", err)
	}
	endpoints, err := discoveryv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("create client: %w", err)
	}
	if options.Dial == nil {
		options.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	return &Client{options: options, core: core, slices: endpoints}, nil
}

// Self returns the ID of this client in istiod's list of proxies.
func (c *Client) Self() string { return nodeName + "." + c.options.Namespace }

// Session holds a connection to every istiod.
type Session struct {
	streams map[string]*stream
}

// Open connects to all present istiods. The caller must close the session.
func (c *Client) Open(ctx context.Context) (*Session, error) {
	id, err := c.identify(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	targets, err := c.targets(ctx)
	if err != nil {
		return nil, err
	}
	s := &Session{streams: map[string]*stream{}}
	for _, t := range targets {
		if s.streams[t.address], err = open(ctx, t, id, c.options.Dial); err != nil {
			delete(s.streams, t.address)
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Close closes all connections.
func (s *Session) Close() {
	for _, x := range s.streams {
		x.close()
	}
}

// Query has the questions of a round.
type Query struct {
	Questions []proxysync.Question
	// Routes names the route configurations to subscribe to, in place of those before.
	Routes []string
	// Refresh makes istiods send all of these now, not only those that are new.
	Refresh bool
}

// Reply has the replies of all istiods in a round.
type Reply struct {
	Answers []proxysync.Answer
	Names   []proxysync.Names
	// Routes are the responses since the previous round, in order for each istiod.
	Routes []proxysync.Routes
}

// Round asks every istiod the questions about its proxies, and then for the state of all of
// its proxies. After an error the session is unusable, and the findings of its rounds must
// be dropped: an istiod may have restarted.
func (s *Session) Round(ctx context.Context, query *Query) (*Reply, error) {
	type result struct {
		reply Reply
		err   error
	}
	results := make(chan result)
	for address, x := range s.streams {
		go func() {
			var r result
			r.reply, r.err = x.round(ctx, address, query)
			results <- r
		}()
	}
	out := &Reply{}
	var errs []error
	for range s.streams {
		r := <-results
		out.Answers = append(out.Answers, r.reply.Answers...)
		out.Names, out.Routes = append(out.Names, r.reply.Names...), append(out.Routes, r.reply.Routes...)
		errs = append(errs, r.err)
	}
	slices.SortFunc(out.Answers, func(a, b proxysync.Answer) int { return strings.Compare(a.Istiod, b.Istiod) })
	return out, errors.Join(errs...)
}

// round queries one istiod.
func (s *stream) round(ctx context.Context, address string, query *Query) (Reply, error) {
	defer context.AfterFunc(ctx, s.cancel)()
	// An error of this write recurs in the first question, with a better message.
	_ = s.subscribe(query.Routes, query.Refresh)
	names, err := s.namesOf(ctx, query.Questions)
	if err != nil {
		return Reply{}, err
	}
	proxies, err := s.proxies(ctx)
	return Reply{[]proxysync.Answer{{Istiod: address, Proxies: proxies}}, names, s.takeResponses()}, err
}

func (s *stream) proxies(ctx context.Context) ([]proxysync.Proxy, error) {
	data, err := s.ask(ctx, "syncz")
	if err != nil {
		return nil, err
	}
	return readProxies(data)
}

// namesOf asks this istiod the questions about its proxies. It leaves out those that istiod
// can't answer.
func (s *stream) namesOf(ctx context.Context, questions []proxysync.Question) ([]proxysync.Names, error) {
	var out []proxysync.Names
	for _, q := range questions {
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

// addTargets adds the istiods of an EndpointSlice, also unready and terminating ones:
// proxies may be connected to them.
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
