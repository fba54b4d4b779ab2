package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// serveCluster is the command "cluster FILE [FORBIDDEN...]", which starts an API server
// that holds the objects of a file, and sets $KUBECONFIG to it. Listing the resources
// named after the file is forbidden.
func serveCluster(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: cluster FILE [FORBIDDEN...]")
	}
	server := &apiServer{forbidden: args[1:]}
	for document := range bytes.SplitSeq([]byte(ts.ReadFile(args[0])), []byte("---\n")) {
		var object map[string]any
		ts.Check(yaml.Unmarshal(document, &object))
		server.objects = append(server.objects, object)
	}
	listener := httptest.NewServer(server)
	ts.Defer(listener.Close)
	config := `{"apiVersion":"v1","kind":"Config","current-context":"c",
"clusters":[{"name":"c","cluster":{"server":"` + listener.URL + `"}}],
"contexts":[{"name":"c","context":{"cluster":"c","namespace":"shop"}}]}`
	file := ts.MkAbs("kubeconfig")
	ts.Check(os.WriteFile(file, []byte(config), 0o600))
	ts.Setenv("KUBECONFIG", file)
}

// apiServer answers list requests.
type apiServer struct {
	objects   []map[string]any
	forbidden []string
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	resource, namespace := parts[len(parts)-1], ""
	if len(parts) > 3 && parts[len(parts)-3] == "namespaces" {
		namespace = parts[len(parts)-2]
		parts = append(parts[:len(parts)-3], resource)
	}
	apiVersion := strings.Join(parts[1:len(parts)-1], "/")
	w.Header().Set("Content-Type", "application/json")
	if slices.Contains(s.forbidden, resource) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`))
		return
	}
	kind, items := "", []any{}
	for _, o := range s.objects {
		k, _ := o["kind"].(string)
		meta, _ := o["metadata"].(map[string]any)
		if strings.EqualFold(plural(k), resource) && (namespace == "" || meta["namespace"] == namespace) {
			kind, items = k, append(items, o)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": apiVersion, "kind": listKind(kind, resource), "metadata": map[string]any{}, "items": items,
	})
}

func plural(kind string) string {
	for _, k := range discover.Kinds() {
		if k.Name == kind {
			return k.Plural
		}
	}
	return kind
}

// listKind returns the kind of a list, even of an empty one.
func listKind(kind, resource string) string {
	for _, known := range discover.Kinds() {
		if known.Plural == resource {
			kind = known.Name
		}
	}
	return kind + "List"
}
