package same

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// Pin returns the target that subset of host represents for ordinary requests: a host
// with a user's subset or none, false if it is an ordinary subset.
type Pin func(host, subset string) (pinned Target, ok bool)

// Target is a Service or a subset of it.
type Target struct{ Host, Subset string }

// Differences returns the differences of after from before.
func Differences(before, after oracle.Answer, pin Pin) []string {
	d := &differences{normal: normal{pin: pin}}
	d.answers(before, after)
	d.messages("virtual host", d.host(before.VirtualHost), d.host(after.VirtualHost))
	was, is := d.actionOf(before), d.actionOf(after)
	d.messages("route", was.rest, is.rest)
	d.shares("share", was.parts, is.parts)
	d.shares("share of copies", was.copies, is.copies)
	if was.affine && is.draws > was.draws {
		d.add(LostAffinity+": a destination is drawn for each request, of %d instead of %d", is.draws, was.draws)
	}
	d.destinations("destination", before.Destinations, after.Destinations)
	d.destinations("mirror", before.Mirrors, after.Mirrors)
	return d.found
}

// LostAffinity begins the sentence that equal requests no longer go to one pod.
const LostAffinity = "affinity is lost"

// NoPod precedes, in brackets, the names of the pods that a destination reached before it
// reached none.
const NoPod = ": reaches no pod, was "

type differences struct {
	normal
	found []string
}

func (d *differences) add(format string, args ...any) {
	d.found = append(d.found, fmt.Sprintf(format, args...))
}

// answers compares the proxy's own answers, and the path.
func (d *differences) answers(before, after oracle.Answer) {
	if before.Status != after.Status {
		d.add("status %d, was %d", after.Status, before.Status)
	}
	for _, text := range []struct{ what, before, after string }{
		{"body", before.Body, after.Body},
		{"location", before.Location, after.Location},
		{"path", before.Path, after.Path},
	} {
		if text.before != text.after {
			d.add("%s %q, was %q", text.what, text.after, text.before)
		}
	}
}

// messages compares two messages in their normal form.
func (d *differences) messages(what string, before, after proto.Message) {
	if proto.Equal(before, after) {
		return
	}
	d.add("%s differs (-before +after):\n%s", what, cmp.Diff(before, after, protocmp.Transform()))
}

// shares compares the shares of destinations, up to a thousandth of each share: a pin of
// several parts may have to be rounded.
func (d *differences) shares(what string, before, after map[string]float64) {
	for _, key := range keysOf(before, after) {
		if diff := before[key] - after[key]; max(diff, -diff) > max(before[key], after[key])/1000 {
			name, _, _ := strings.Cut(key, keySeparator)
			d.add("%s of %s is %.4g, was %.4g", what, name, after[key], before[key])
		}
	}
}

// destinations compares clusters, and the pods behind them.
func (d *differences) destinations(what string, before, after []oracle.Destination) {
	was, is := d.group(before), d.group(after)
	for _, key := range keysOf(was, is) {
		old, ok := was[key]
		if !ok {
			continue // not sent there before: a difference of shares
		}
		for _, now := range is[key] {
			d.destination(what, old, now)
		}
	}
}

func (d *differences) destination(what string, old []oracle.Destination, now oracle.Destination) {
	oldMissing := slices.ContainsFunc(old, func(x oracle.Destination) bool { return x.Missing })
	switch {
	case now.Missing && !oldMissing:
		d.add("%s %s: there is no such cluster", what, now.Cluster)
		return
	case now.Missing != oldMissing:
		d.add("%s %s: there is such a cluster, was none", what, now.Cluster)
		return
	}
	if !now.Missing {
		d.messages("cluster "+now.Cluster, d.cluster(old[0].Configuration), d.cluster(now.Configuration))
	}
	var pods []string
	for _, x := range old {
		pods = append(pods, x.Pods...)
	}
	for _, pod := range now.Pods {
		if !slices.Contains(pods, pod) {
			d.add("%s %s: reaches pod %s, which it did not", what, now.Cluster, pod)
		}
	}
	if len(now.Pods) == 0 && len(pods) > 0 {
		d.add("%s %s"+NoPod+"%v", what, now.Cluster, pods)
	}
}

// group groups destinations by the normal form of their clusters' names.
func (d *differences) group(list []oracle.Destination) map[string][]oracle.Destination {
	out := map[string][]oracle.Destination{}
	for _, x := range list {
		key := d.rename(x.Cluster)
		out[key] = append(out[key], x)
	}
	return out
}

func keysOf[V any](a, b map[string]V) []string {
	var keys []string
	for key := range a {
		keys = append(keys, key)
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
