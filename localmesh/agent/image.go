package agent

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// istioVersion is the version that a proxy reports if its image's tag is not a version.
const istioVersion = "1.31.0"

// part is the function of a container of Istio's proxy image.
type part int

const (
	// none: it is another image.
	none part = iota
	// iptables sets up redirection, which the sandbox already has.
	iptables
	// sidecarProxy and routerProxy are Envoys.
	sidecarProxy
	routerProxy
	// unknownPart is one that the agent can't run, such as a waypoint.
	unknownPart
)

// istioPart returns a container's part in Istio.
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

// redirected reports whether a pod's connections go through its proxy.
func redirected(spec *corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.InitContainers, func(c corev1.Container) bool { return istioPart(&c) == iptables })
}

// splitImage splits an image's name into repository and tag, without a digest.
func splitImage(image string) (repository, tag string) {
	image, _, _ = strings.Cut(image, "@")
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		return image[:colon], image[colon+1:]
	}
	return image, ""
}

var release = regexp.MustCompile(`^\d+\.\d+\.\d+`)

// proxyVersion is the Istio version of a proxy image.
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
