package agent

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// expand replaces $(NAME) by its value. A name without a value is left unchanged, and $$
// is a dollar sign that begins no reference.
func expand(text string, lookup func(string) (string, bool)) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		end := strings.IndexByte(after, ')')
		switch {
		case strings.HasPrefix(after, "$"):
			out.WriteString("$")
			text = after[1:]
		case strings.HasPrefix(after, "(") && end > 0:
			if value, ok := lookup(after[1:end]); ok {
				out.WriteString(value)
			} else {
				out.WriteString("$" + after[:end+1])
			}
			text = after[end+1:]
		default:
			out.WriteString("$")
			text = after
		}
	}
}

// machineMemory is the memory that the Node reports: more than tests request.
const machineMemory = 64 << 30

// resourceField is the downward API's resourceFieldRef. A missing limit is the node's.
func resourceField(ref *corev1.ResourceFieldSelector, pod *corev1.Pod, c *corev1.Container) (string, error) {
	if ref.ContainerName != "" && ref.ContainerName != c.Name {
		all := slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
		for i := range all {
			if all[i].Name == ref.ContainerName {
				c = &all[i]
			}
		}
	}
	list, name, found := c.Resources.Limits, strings.TrimPrefix(ref.Resource, "limits."), strings.HasPrefix(ref.Resource, "limits.")
	if !found {
		list, name, found = c.Resources.Requests, strings.TrimPrefix(ref.Resource, "requests."), strings.HasPrefix(ref.Resource, "requests.")
	}
	if !found {
		return "", fmt.Errorf("the agent knows no resource %s", ref.Resource)
	}
	quantity, set := list[corev1.ResourceName(name)]
	if !set && strings.HasPrefix(ref.Resource, "limits.") {
		switch corev1.ResourceName(name) {
		case corev1.ResourceCPU:
			quantity = *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI)
		case corev1.ResourceMemory:
			quantity = *resource.NewQuantity(machineMemory, resource.BinarySI)
		default:
		}
	}
	divisor := ref.Divisor.AsApproximateFloat64()
	if divisor == 0 {
		divisor = 1
	}
	return strconv.FormatInt(int64(math.Ceil(quantity.AsApproximateFloat64()/divisor)), 10), nil
}
