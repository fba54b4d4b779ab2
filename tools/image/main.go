package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// options are the settings of a build.
type options struct {
	// tag is the name of the image.
	tag name.Tag
	// source is the folder of the program's module, output the folder of the results.
	source, output    string
	platforms         []v1.Platform
	version, revision string
	// created is the time of all files.
	created time.Time
	push    bool
	// compile builds the program for a platform, in a temporary folder.
	compile func(ctx context.Context, o *options, platform v1.Platform, folder string) ([]byte, error)
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	began := time.Now()
	built, err := build(ctx, o)
	if err != nil {
		return err
	}
	if err := write(o, built); err != nil {
		return err
	}
	if err := describe(out, o, built); err != nil {
		return err
	}
	fmt.Fprintf(out, "built in %v\n", time.Since(began).Round(100*time.Millisecond))
	if !o.push {
		return nil
	}
	if err := push(ctx, o, built); err != nil {
		return err
	}
	fmt.Fprintf(out, "pushed %s\n", o.tag)
	return nil
}

// parse reads the command line. epoch is the value of SOURCE_DATE_EPOCH.
func parse(args []string, epoch string) (*options, error) {
	o := &options{created: time.Unix(0, 0).UTC(), compile: compile}
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	image := flags.String("image", "ghcr.io/overrides-mesh/overrides:dev", "what the image is called")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64", "for which platforms")
	flags.StringVar(&o.source, "source", ".", "folder of the program's module")
	flags.StringVar(&o.output, "output", "bin/image", "folder to write to")
	flags.StringVar(&o.version, "version", "dev", "version of the program")
	flags.StringVar(&o.revision, "revision", "", "commit that it is built from")
	flags.BoolVar(&o.push, "push", false, "push it, with the credentials of docker login")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if o.tag, err = name.NewTag(*image, name.WithDefaultTag(o.version)); err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(*platforms, ",") {
		p, err := v1.ParsePlatform(text)
		if err != nil || p.OS != "linux" || p.Architecture == "" {
			return nil, fmt.Errorf("platform %q: want linux/ARCHITECTURE", text)
		}
		o.platforms = append(o.platforms, *p)
	}
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		o.created = time.Unix(seconds, 0).UTC()
	}
	return o, nil
}

// describe prints the result.
func describe(out io.Writer, o *options, b *built) error {
	digest, err := b.index.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s@%s\n", o.tag, digest)
	for _, i := range b.images {
		size, err := compressedSize(i.image)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %-12s %.1f MB to pull, %.1f MB unpacked; %s\n",
			i.platform.String(), float64(size)/1e6, float64(i.binarySize)/1e6, archivePath(o, i.platform))
	}
	fmt.Fprintf(out, "  OCI layout   %s\n", filepath.Join(o.output, layoutName))
	return nil
}

func compressedSize(image v1.Image) (int64, error) {
	layers, err := image.Layers()
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return 0, err
		}
		sum += size
	}
	return sum, nil
}
