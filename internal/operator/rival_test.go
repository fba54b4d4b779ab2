package operator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

const ourContent = `{"metadata":{"name":"cart","labels":{"a":"b"}},"spec":{"hosts":["cart"],"http":[{"name":"one"}]}}`

// seenAs is an object in a version, last applied by our field manager at a second.
func seenAs(version string, second int, content string) *apply.Seen {
	out := &apply.Seen{UID: "uid", ResourceVersion: version, Written: time.Unix(int64(second), 0)}
	out.Object, out.Managed = name, []byte(content)
	return out
}

// TestWriteOutcome: writes under our own field manager are distinguished from those of
// users.
func TestWriteOutcome(t *testing.T) {
	t.Parallel()
	const other = `{"metadata":{"name":"cart","labels":{"a":"b"}},"spec":{"hosts":["cart"],"http":[{"name":"two"}]}}`
	wanted := plan.Step{Action: plan.Update, Object: istio.Object{Object: name, JSON: []byte(ourContent)}}
	removal := plan.Step{Action: plan.Delete, Object: istio.Object{Object: name}}
	again := seenAs("9", 5, other)
	again.UID = "another"
	tests := []struct {
		name  string
		wrote plan.Step
		after *apply.Seen
		seen  *apply.Seen
		want  writeOutcome
	}{
		{"as it was written", wanted, seenAs("7", 5, ourContent), seenAs("7", 5, ourContent), intact},
		{"a label of a user's", wanted, seenAs("7", 5, ourContent), seenAs("8", 5, ourContent), intact},
		{"fields that a user has taken over", wanted, seenAs("7", 5, ourContent), seenAs("8", 5, `{"metadata":{"name":"cart","labels":null},"spec":{"hosts":["cart"]}}`), intact},
		{"written again in the same second", wanted, seenAs("7", 5, ourContent), seenAs("8", 5, other), overwritten},
		{"less written later", wanted, seenAs("7", 5, ourContent), seenAs("8", 6, `{"metadata":{"name":"cart"}}`), overwritten},
		{"deleted", wanted, seenAs("7", 5, ourContent), nil, deleted},
		{"removed", removal, nil, nil, intact},
		{"an older state of what was removed", removal, nil, seenAs("6", 4, other), intact},
		{"made again by somebody", removal, nil, again, overwritten},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rs := newRivals()
			rs.wrote(test.wrote, seenAs("6", 4, ourContent), test.after, time.Unix(10, 0))
			r := rs.byObject[name]
			if got := r.outcome(test.seen, wanted.Object.JSON); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// TestRivals plays an object with two writers: from the second time on, our writes wait
// longer and longer, and there is a refusal.
func TestRivals(t *testing.T) {
	t.Parallel()
	const other = `{"spec":{"http":[{"name":"two"}]}}`
	tests := []struct {
		name string
		// theirs is the object after a write of the other one; nil if it deletes it. Each
		// of our writes is undone after this time.
		theirs *apply.Seen
		after  time.Duration
		// want is how long each write waits after the previous one was undone.
		want    []time.Duration
		refusal string
	}{
		{
			"overwritten", seenAs("", 0, other), time.Millisecond,
			[]time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second},
			`another writer uses the field manager "overrides" too and undoes the writes of this operator, which retries less and less often: another operator with other flags?`,
		},
		{
			"deleted", nil, time.Millisecond,
			[]time.Duration{0, 0, time.Second, 2 * time.Second, 4 * time.Second},
			"another writer deletes it after each write of this operator, which retries less and less often: another operator with other flags?",
		},
		{"now and then", nil, 10 * time.Minute, []time.Duration{0, 0, 0, 0}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rs, now, version := newRivals(), time.Unix(1000, 0), 10
			step := plan.Step{Action: plan.Update, Object: istio.Object{Object: name, JSON: []byte(ourContent)}}
			var got []time.Duration
			for range test.want {
				version += 2
				ours := seenAs(string(rune('a'+version)), int(now.Unix()), ourContent)
				rs.wrote(step, nil, ours, now)
				now = now.Add(test.after)
				theirs := test.theirs
				if theirs != nil {
					theirs = seenAs(string(rune('b'+version)), int(now.Unix()), other)
				}
				undoneAt := now
				for {
					waits, _ := rs.mustWait(step, theirs, now, now)
					if !waits {
						break
					}
					now = rs.next(now)
				}
				got = append(got, now.Sub(undoneAt))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
			refused := rs.refused(now)
			if len(refused) != min(len(test.refusal), 1) || len(refused) > 0 && (refused[0].Message != test.refusal || refused[0].Code != diag.WriteUndone) {
				t.Errorf("refused %v", refused)
			}
			if late := rs.refused(now.Add(rivalForgetAfter)); len(late) > 0 {
				t.Errorf("still refused: %v", late)
			}
		})
	}
}

// TestRivalsInFlight: an observation from before the end of a write says nothing about it.
func TestRivalsInFlight(t *testing.T) {
	t.Parallel()
	rs, now := newRivals(), time.Unix(1000, 0)
	step := plan.Step{Action: plan.Update, Object: istio.Object{Object: name, JSON: []byte(ourContent)}}
	rs.wrote(step, nil, seenAs("8", 5, ourContent), now)
	if _, undone := rs.mustWait(step, seenAs("7", 4, "{}"), now.Add(-time.Second), now.Add(time.Second)); undone {
		t.Error("an observation from before the end of the write counts")
	}
	removed := types.UID("uid")
	rs.wrote(plan.Step{Action: plan.Delete, Object: istio.Object{Object: name}}, &apply.Seen{UID: removed}, nil, now)
	rs.forget(now.Add(2 * rivalForgetAfter))
	if len(rs.byObject) > 0 {
		t.Error("the state of a deleted object is kept")
	}
}
