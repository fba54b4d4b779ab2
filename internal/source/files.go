package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// FileOptions are settings of [Read].
type FileOptions struct {
	// Namespace is that of objects which don't say theirs, "default" if it is empty.
	Namespace string
	// Whole keeps the documents of Services and workloads (discover.Objects.Documents).
	Whole bool
}

// Read reads the manifests at paths: files, directories with everything below
// them, or "-" for stdin. Files hold YAML or JSON, of one document or many. A
// document that is broken is said with its line, a file that can't be read with its
// name, and the others are read. A file that is given several times counts where it was
// given last.
//
// Documents are converted on all processors and taken over in the order of the
// input, a few at a time: memory is needed for the objects that matter, and for
// the largest documents, but not for the input.
//
// A path that makes no sense is an [ErrUsage], and then nothing is read. The only
// other error is the end of ctx.
func Read(ctx context.Context, paths []string, stdin io.Reader, options FileOptions) (*discover.Objects, []diag.Diagnostic, error) {
	if options.Namespace == "" {
		options.Namespace = "default"
	}
	inputs, found, err := expand(paths, stdin, options.Namespace)
	if err != nil {
		return nil, nil, err
	}
	r := &reader{inputs: inputs, options: options, diags: found}
	objects, diags := r.read(ctx)
	diags = append(r.diags, diags...)
	if r.documents == 0 && len(r.diags) == 0 && r.err == nil {
		diags = append(diags, diag.New(diag.EmptyInput, diag.Object{}, "%s", r.nothingIn(paths)))
	}
	return objects, diags, r.err
}

type reader struct {
	inputs    []input
	options   FileOptions
	documents int
	// diags are about files, not about what is in them.
	diags []diag.Diagnostic
	// err is why ctx ended.
	err error
}

// job is a document on its way: split, parsed by some worker, and taken over
// in its turn.
type job struct {
	doc    document
	file   string
	parsed chan discover.Parsed
}

// inFlight bounds the documents that are held at a time, for each worker.
const inFlight = 4

func (r *reader) read(ctx context.Context) (*discover.Objects, []diag.Diagnostic) {
	workers := runtime.GOMAXPROCS(0)
	todo := make(chan *job)
	ordered := make(chan *job, workers*inFlight)
	var wait sync.WaitGroup
	wait.Go(func() {
		defer close(todo)
		defer close(ordered)
		r.split(ctx, func(j *job) {
			ordered <- j
			todo <- j
		})
	})
	for range workers {
		wait.Go(func() {
			for j := range todo {
				j.parsed <- parse(j, r.options)
			}
		})
	}
	objects := &discover.Objects{}
	var diags []diag.Diagnostic
	for j := range ordered {
		diags = append(diags, objects.Add(<-j.parsed)...)
	}
	wait.Wait()
	return objects, diags
}

// split cuts the inputs into documents and hands them on.
func (r *reader) split(ctx context.Context, emit func(*job)) {
	for _, in := range r.inputs {
		if r.err = context.Cause(ctx); r.err != nil {
			return
		}
		if err := r.splitOne(ctx, in, emit); err != nil {
			r.diags = append(r.diags, unreadable(in.name, err))
		}
	}
}

// splitOne cuts one input into documents, until ctx ends. An error is one of reading.
func (r *reader) splitOne(ctx context.Context, in input, emit func(*job)) error {
	file, err := in.open()
	if err != nil {
		return err
	}
	defer file.Close()
	s := newSplitter(file)
	for {
		doc, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if r.err = context.Cause(ctx); r.err != nil {
			return nil
		}
		r.documents++
		emit(&job{doc: doc, file: in.name, parsed: make(chan discover.Parsed, 1)})
	}
}

// parse reads one document, as JSON if it is that, else as YAML.
func parse(j *job, options FileOptions) discover.Parsed {
	parseJSON := discover.Parse
	if options.Whole {
		parseJSON = discover.ParseWhole
	}
	origin := diag.Origin{File: j.file, Document: j.doc.number, Line: j.doc.line}
	broken := func(f fault) discover.Parsed {
		return discover.Parsed{Origin: origin, Diagnostics: []diag.Diagnostic{brokenDocument(&j.doc, origin, f)}}
	}
	if j.doc.broken != "" {
		fix := j.doc.fix
		if j.file != stdinName {
			fix = strings.Replace(fix, " FILE ", " "+j.file+" ", 1)
		}
		return broken(fault{message: j.doc.broken, fix: fix})
	}
	if json.Valid(j.doc.json) {
		return parseJSON(j.doc.json, options.Namespace, origin)
	}
	text, err := toJSON(j.doc.text)
	switch {
	case err == nil:
		return parseJSON(text, options.Namespace, origin)
	case looksLikeJSON(j.doc.json):
		f := jsonFault(j.doc.json, jsonError(j.doc.json))
		f.line += bytes.Count(j.doc.text[:len(j.doc.text)-len(j.doc.json)], []byte("\n"))
		return broken(f)
	}
	return broken(yamlFault(j.doc.text, err))
}

// looksLikeJSON reports whether an object's first key is quoted, as JSON wants
// and as hardly anybody does in YAML.
func looksLikeJSON(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	c, _ := firstByte(text[1:])
	return c == '"'
}
