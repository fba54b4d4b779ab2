package queue_test

import (
	"context"
	"fmt"

	"github.com/overrides-mesh/overrides/pkg/override"
	"github.com/overrides-mesh/overrides/pkg/override/queue"
)

// A producer, and the consumers of two versions, each with a subscription of its own.
func Example() {
	request := override.ExtractMap(map[string]string{"x-override": "*:pr-118"})
	ctx := override.NewContext(context.Background(), request)

	// The producer, with the context of the request that it answers.
	attributes := map[string]string{}
	override.FromContext(ctx).AddToMap(attributes)

	// Each consumer.
	service := queue.Service{Name: "billing", Namespace: "shop", Released: "v1", Versions: []string{"pr-118"}}
	for _, version := range []string{"v1", "pr-118"} {
		carriers := override.ExtractMap(attributes)
		switch service.Consumer(version, carriers) {
		case queue.Take:
			ctx := override.NewContext(context.Background(), carriers)
			fmt.Println(version, "takes it, and calls others with", override.FromContext(ctx).Requested())
		case queue.Refuse:
			fmt.Println(version, "puts it aside:", queue.ErrUnavailable)
		case queue.Skip:
			fmt.Println(version, "acknowledges it only")
		}
	}
	// Output:
	// v1 acknowledges it only
	// pr-118 takes it, and calls others with [*:pr-118]
}

// A producer that sends to a queue of the version that shall take the message.
func ExampleService_Version() {
	service := queue.Service{Name: "billing", Namespace: "shop", Released: "v1", Versions: []string{"v2"}}
	version, err := service.Version(override.ExtractMap(map[string]string{"x-override": "billing:v2"}))
	fmt.Println("billing-"+version, err)
	_, err = service.Version(override.ExtractMap(map[string]string{"x-override": "billing:v9;strict"}))
	fmt.Println(err)
	// Output:
	// billing-v2 <nil>
	// the requested version does not read the queue, and the override is strict
}
