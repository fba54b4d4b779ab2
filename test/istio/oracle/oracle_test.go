package oracle_test

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

var update = flag.Bool("update", false, "write the answers into testdata")

// TestSend sends the requests of each file of testdata. Its sections are manifests,
// "requests", and "requests-NAME" for the proxies of a revision, with one line for
// each request:
//
//	caller namespace and labels | method | host:port/path | header: value | … => answer
//
// "name.namespace" at the beginning of host is the called Service; the caller
// "gateway/namespace" is a gateway.
func TestSend(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("find testdata: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			manifests, requests := sections(t, archive)
			for _, section := range requests {
				mesh, err := oracle.Load(manifests, oracle.Options{Revision: strings.TrimPrefix(section.Name[len("requests"):], "-")})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(mesh.Close)
				want := string(section.Data)
				got := answer(t, mesh, want)
				if *update {
					section.Data = []byte(got)
				} else if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: answers (-want +got):\n%s", section.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// sections returns all manifests of archive as one stream, and its requests.
func sections(t *testing.T, archive *txtar.Archive) ([]byte, []*txtar.File) {
	t.Helper()
	var manifests []byte
	var requests []*txtar.File
	for i := range archive.Files {
		file := &archive.Files[i]
		if strings.HasPrefix(file.Name, "requests") {
			requests = append(requests, file)
			continue
		}
		manifests = append(append(manifests, "\n---\n"...), file.Data...)
	}
	if requests == nil {
		t.Fatal("no requests section")
	}
	return manifests, requests
}

// answer returns lines with the answers of mesh.
func answer(t *testing.T, mesh *oracle.Mesh, lines string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		question, _, ok := strings.Cut(line, "=>")
		if !ok {
			fmt.Fprintln(&out, line)
			continue
		}
		proxy, request := parse(t, question)
		got, err := mesh.Send(proxy, request)
		text := got.String()
		if err != nil {
			text = "error: " + err.Error()
		}
		fmt.Fprintf(&out, "%s => %s\n", strings.TrimSpace(question), text)
	}
	return out.String()
}

func parse(t *testing.T, line string) (oracle.Proxy, oracle.Request) {
	t.Helper()
	fields := strings.Split(line, " | ")
	if len(fields) < 3 {
		t.Fatalf("%q: want caller | method | url", line)
	}
	caller := strings.Fields(fields[0])
	namespace, isGateway := strings.CutPrefix(caller[0], "gateway/")
	proxy := oracle.Proxy{Namespace: namespace, Gateway: isGateway, Labels: map[string]string{}}
	for _, label := range caller[1:] {
		key, value, _ := strings.Cut(label, "=")
		proxy.Labels[key] = value
	}
	target := "http://" + strings.TrimSpace(fields[2])
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 32)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(target, "http://"), "/")
	request := oracle.Request{
		Method:    strings.TrimSpace(fields[1]),
		Authority: u.Host,
		Path:      "/" + path,
		Port:      uint32(port),
		Header:    map[string][]string{},
	}
	if labels := strings.Split(u.Hostname(), "."); len(labels) == 2 || len(labels) > 2 && labels[2] == "svc" {
		request.To = labels[0] + "." + labels[1] + ".svc.cluster.local"
	}
	for _, header := range fields[3:] {
		name, value, _ := strings.Cut(header, ":")
		request.Header[strings.TrimSpace(name)] = append(request.Header[strings.TrimSpace(name)], strings.TrimSpace(value))
	}
	return proxy, request
}
