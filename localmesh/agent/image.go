package agent

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// istioVersion is what a proxy claims where its image's tag is no version.
const istioVersion = "1.31.0"

// part is what a container of Istio's proxy image does.
type part int

const (
	// none: it is another image.
	none part = iota
	// iptables sets up redirection, which the sandbox has already.
	iptables
	// sidecarProxy and routerProxy are Envoys.
	sidecarProxy
	routerProxy
	// unknownPart is something that the agent can't do, such as a waypoint.
	unknownPart
)

// istioPart says what a container is to Istio.
func istioPart(c *corev1.Container) part {
	repository, _ := splitImage(c.Image)
	if repository[strings.LastIndex(repository, "/")+1:] != "proxyv2" {
		return none
	}
	switch args := slices.Concat(c.Command, c.Args); {
	case len(args) > 0 && args[0] == "istio-iptables":
		return iptables
	case len(args) > 1 && args[0] == "proxy" && args[1] == "sidecar":
		return sidecarProxy
	case len(args) > 1 && args[0] == "proxy" && args[1] == "router":
		return routerProxy
	default:
		return unknownPart
	}
}

func (p part) envoy() bool { return p == sidecarProxy || p == routerProxy }

// redirected says that a pod's connections go through its proxy.
func redirected(spec *corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.InitContainers, func(c corev1.Container) bool { return istioPart(&c) == iptables })
}

// splitImage cuts an image's name into repository and tag; a digest is left out.
func splitImage(image string) (repository, tag string) {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		return image[:colon], image[colon+1:]
	}
	return image, ""
}

var release = regexp.MustCompile(`^\d+\.\d+\.\d+`)

// proxyVersion is the version of Istio that a proxy image is of.
func proxyVersion(image string) string {
	_, tag := splitImage(image)
	if version := release.FindString(tag); version != "" {
		return version
	}
	return istioVersion
}

// flag returns the value of --NAME=VALUE among arguments.
func flag(args []string, name string) (string, bool) {
	for _, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--"+name+"="); ok {
			return value, true
		}
	}
	return "", false
}
