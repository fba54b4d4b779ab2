package discover

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// versionTag matches tags of images that begin with a version.
var versionTag = regexp.MustCompile(`^[0-9]+\.[0-9]+`)

// routerVersion returns the version of the proxy of a gateway's pod: the tag of its image.
func routerVersion(spec *corev1.PodSpec) string {
	for i := range spec.Containers {
		c := &spec.Containers[i]
		if c.Name != proxyContainer || !slices.Contains(c.Args, "router") {
			continue
		}
		image, _, _ := strings.Cut(c.Image, "@")
		if _, tag, found := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":"); found && versionTag.MatchString(tag) {
			return strings.Clone(tag) // the image would be kept
		}
	}
	return ""
}

// appendVersion adds a version to a sorted list without repetitions.
func appendVersion(list []string, version string) []string {
	at, found := slices.BinarySearch(list, version)
	if version == "" || found {
		return list
	}
	return slices.Insert(list, at, version)
}
