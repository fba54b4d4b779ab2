package scale

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// request is one of the operator's requests, from the API server's audit log.
type request struct {
	Verb  string `json:"verb"`
	Stage string `json:"stage"`
	// Received and Answered are by the API server's clock.
	Received  time.Time `json:"requestReceivedTimestamp"`
	Answered  time.Time `json:"stageTimestamp"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// Requests counts requests by "VERB RESOURCE".
type Requests map[string]int

// audit reads the audit log incrementally.
type audit struct {
	path   string
	offset int64
	// refused counts answers of 400 and above, except 404 for a get, which checks for
	// existence.
	refused Requests
	// served is how long the API server took for each write of a routing object.
	served []time.Duration
}

// next counts the requests that were answered since the last call. A watch counts when it
// begins.
func (a *audit) next() (Requests, error) {
	file, err := os.Open(a.path)
	if errors.Is(err, os.ErrNotExist) {
		return Requests{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	out := Requests{}
	for reader := bufio.NewReader(file); ; {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil // the rest of a line is read the next time
		}
		if err != nil {
			return nil, fmt.Errorf("read the audit log: %w", err)
		}
		a.offset += int64(len(line))
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("decode the audit log: %w", err)
		}
		a.count(&r, out)
	}
}

func (a *audit) count(r *request, out Requests) {
	isWatch := r.Verb == "watch"
	if isWatch != (r.Stage == "ResponseStarted") {
		return
	}
	resource := r.ObjectRef.Resource
	if resource == "" {
		resource = "discovery"
	}
	if r.ObjectRef.Subresource != "" {
		resource += "/" + r.ObjectRef.Subresource
	}
	key := r.Verb + " " + resource
	out[key]++
	if isRouting(key) {
		a.served = append(a.served, r.Answered.Sub(r.Received))
	}
	if code := r.ResponseStatus.Code; code >= 400 && (r.Verb != "get" || code != 404) {
		if a.refused == nil {
			a.refused = Requests{}
		}
		a.refused[fmt.Sprintf("%s %d", key, code)]++
	}
}

// isRouting reports whether a request "VERB RESOURCE" writes a routing object.
func isRouting(request string) bool {
	verb, resource, _ := strings.Cut(request, " ")
	return verb != "get" && verb != "list" && verb != "watch" && (resource == "virtualservices" || resource == "destinationrules")
}
