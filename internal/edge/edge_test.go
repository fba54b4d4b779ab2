package edge_test

import (
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/model"
)

var update = flag.Bool("update", false, "rewrite what the archives want")

// TestEdge compares the objects and diagnostics of one entry with each archive. Given its
// own output beside the input, it makes the same.
func TestEdge(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		if len(archive.Files) < 2 || archive.Files[0].Name != "input.yaml" || archive.Files[1].Name != "request.yaml" {
			t.Fatal("want input.yaml, request.yaml and want.txt, in this order")
		}
		request := edge.Request{Gateway: "public", Namespace: "ingress", Policy: edge.Strip}
		if err := yaml.UnmarshalStrict(archive.Files[1].Data, &request); err != nil {
			t.Fatal(err)
		}
		input := string(archive.Files[0].Data)
		objects, rest := printed(t, input, &request)
		archivetest.Want(t, *update, file, archive, rest+objects)
		if again, _ := printed(t, input+"\n"+objects, &request); again != objects {
			t.Errorf("beside its own output, it makes\n%s", again)
		}
	})
}

// printed makes an entry, and returns its objects, and the diagnostics with the Gateways that
// it acts on too.
func printed(t *testing.T, input string, request *edge.Request) (objects, rest string) {
	t.Helper()
	out, err := edge.Make(snapshot(t, input), request)
	if err != nil {
		t.Fatal(err)
	}
	var made, said strings.Builder
	for _, d := range out.Diagnostics {
		fmt.Fprintf(&said, "%s\n", d)
	}
	for _, o := range out.Others {
		fmt.Fprintf(&said, "also acts on %s\n", o)
	}
	for i := range out.Objects {
		text, err := out.Objects[i].YAML()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&made, "---\n%s", text)
	}
	return made.String(), said.String()
}

func snapshot(t *testing.T, text string) *model.Snapshot {
	t.Helper()
	options := model.DefaultOptions()
	return snapshotWith(t, text, &options)
}

func snapshotWith(t *testing.T, text string, options *model.Options) *model.Snapshot {
	t.Helper()
	objects := &discover.Objects{}
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		object, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if string(object) == "null" {
			continue
		}
		objects.Add(discover.Parse(object, "shop", diag.Origin{}))
	}
	out, _ := objects.Snapshot(*options)
	return out
}

// TestPreviewHosts: a preview host that could be an ordinary one is refused.
func TestPreviewHosts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"*.preview.example.com=shop.example.com": "",
		"*.example.com=shop.example.com":         "*.example.com would make ordinary requests for shop.example.com ask for previews",
		"*.a.example.com=b.a.example.com":        "*.a.example.com would make ordinary requests for b.a.example.com ask for previews",
		"*.a.test=a.test":                        "",
		"*.a.test=b.test *.a.test=c.test":        "*.a.test is given twice",
		"*.a.test=b.test *.x.a.test=c.test":      "*.a.test and *.x.a.test have hosts in common",
		"preview.example.com=shop.example.com":   `"preview.example.com=shop.example.com": want *.DOMAIN=HOST, such as *.preview.shop.example.com=shop.example.com`,
		"*.example.com":                          `"*.example.com": want *.DOMAIN=HOST, such as *.preview.shop.example.com=shop.example.com`,
		"*.com=shop.example.com":                 `"com" is not a domain: use a-z, 0-9 and "-" in at least two parts`,
		"*.Example.com=shop.example.com":         `"Example.com" is not a domain: use a-z, 0-9 and "-" in at least two parts`,
		"*.a-.com=shop.example.com":              `"a-.com" is not a domain: use a-z, 0-9 and "-" in at least two parts`,
		`*.a".com=shop.example.com`:              `"a\".com" is not a domain: use a-z, 0-9 and "-" in at least two parts`,
		"*.a.com=*.example.com":                  `"*.example.com" is not a host: use a-z, 0-9 and "-" in at least two parts`,
	} {
		var list []edge.PreviewHost
		var err error
		for one := range strings.FieldsSeq(text) {
			p, wrong := edge.ParsePreviewHost(one)
			if err = wrong; err != nil {
				break
			}
			list = append(list, p)
		}
		if err == nil {
			err = edge.CheckPreviewHosts(list)
		}
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestSupported: only proxies that are too old get no filter.
func TestSupported(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(edge.Supported)
	for version, want := range map[string]bool{
		"1.26.0": true, "1.26.0-alpha.abc": true, "1.31.0": true, "1.100.2": true, "2.0.0": true, "10.1": true, "master-dev": true, "unknown": true,
		"1.26": true, "1.99.1": true, "1.30-dev": true,
		"1.25.9": false, "1.25": false, "1.9.0": false, "1.0": false, "1.19.3-solo": false, "1.2": false,
	} {
		if pattern.MatchString(version) != want {
			t.Errorf("%s is supported: %v, want %v", version, !want, want)
		}
	}
}
