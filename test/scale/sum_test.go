package scale

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCount: it detects writes of an object that was already as wanted.
func TestCount(t *testing.T) {
	t.Parallel()
	began := time.Now()
	at := func(seconds float64, written bool, content string) moment {
		return moment{at: began.Add(time.Duration(seconds * float64(time.Second))), written: written, content: content}
	}
	for _, test := range []struct {
		name    string
		history []moment
		want    Writes
	}{
		{"nothing", nil, Writes{}},
		{"one change, one write", []moment{at(1, false, "b"), at(1.1, true, "b")}, Writes{Wanted: 1, Stored: 1, First: 1}},
		{"the write is heard of first", []moment{at(1, true, "b"), at(1.2, false, "b")}, Writes{Wanted: 1, Stored: 1, First: 1}},
		{"two changes, one write", []moment{at(1, false, "b"), at(1.1, false, "c"), at(1.2, true, "c")}, Writes{Wanted: 2, Stored: 1, First: 1}},
		{"in two steps", []moment{at(1, false, "c"), at(1.1, true, "b"), at(9, true, "c")}, Writes{Wanted: 1, Stored: 2, First: 1, Second: 1}},
		{"there and back", []moment{at(1, false, "b"), at(1.1, true, "b"), at(2, false, "a"), at(2.1, true, "a")}, Writes{Wanted: 2, Stored: 2, First: 2}},
		{"there and back, both late", []moment{at(1, false, "b"), at(1.2, false, "a"), at(1.4, true, "b"), at(1.8, true, "a")}, Writes{Wanted: 2, Stored: 2, First: 1, Second: 1}},
		{"without a change", []moment{at(1, true, "b")}, Writes{Stored: 1, Needless: 1}},
		{"written again", []moment{at(1, false, "b"), at(1.1, true, "b"), at(9, true, "b")}, Writes{Wanted: 1, Stored: 2, First: 1, Needless: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := count(append([]moment{{written: true, content: "a"}}, test.history...))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestAudit: each request is counted once, even if it was only partly written when
// requests were last counted, and rejected ones are counted separately.
func TestAudit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	a := &audit{path: path}
	if got, err := a.next(); len(got) > 0 || err != nil {
		t.Errorf("before there is a log: %v, %v", got, err)
	}
	const first = `{"verb":"patch","stage":"ResponseComplete","objectRef":{"resource":"virtualservices"},"responseStatus":{"code":200}}
{"verb":"watch","stage":"ResponseStarted","objectRef":{"resource":"pods"},"responseStatus":{"code":200}}
{"verb":"watch","stage":"ResponseComplete","objectRef":{"resource":"pods"},"responseStatus":{"code":200}}
{"verb":"get","stage":"ResponseComplete","objectRef":{"resource":"virtualservices"},"responseStatus":{"code":404}}
{"verb":"get","stage":"Resp`
	const rest = `onseComplete","responseStatus":{"code":200}}
{"verb":"patch","stage":"ResponseComplete","objectRef":{"resource":"overridepolicies","subresource":"status"},"responseStatus":{"code":409}}
`
	for _, step := range []struct {
		text string
		want Requests
	}{
		{first, Requests{"patch virtualservices": 1, "watch pods": 1, "get virtualservices": 1}},
		{first + rest, Requests{"get discovery": 1, "patch overridepolicies/status": 1}},
	} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := a.next()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if diff := cmp.Diff(Requests{"patch overridepolicies/status 409": 1}, a.refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}
