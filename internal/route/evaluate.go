package route

// Decision is the answer to "where does this request go".
type Decision struct {
	// Route is the index of the route that takes the request, -1 if none does
	// (the proxy then answers 404).
	Route int
	// Match is the index of the alternative of that route that fits, -1 if the route has
	// no match.
	Match int
	// Steps explain the routes up to the one that takes the request.
	Steps []Step
}

// Step is one route that was evaluated.
type Step struct {
	Route int
	// Reasons has one entry for each alternative that did not fit; it is empty
	// for the route that was taken.
	Reasons []*Mismatch
}

// Evaluate returns which route of table takes request: the first that fits. A proxy with
// the configuration of table does the same.
func Evaluate(table *Table, request *Request) Decision {
	decision := Decision{Route: -1, Match: -1}
	for i := range table.Routes {
		step := Step{Route: i}
		matches := table.Routes[i].Matches
		if len(matches) == 0 {
			decision.Route = i
		}
		for j := range matches {
			reason := matches[j].Mismatch(request)
			if reason == nil {
				decision.Route, decision.Match, step.Reasons = i, j, nil
				break
			}
			step.Reasons = append(step.Reasons, reason)
		}
		decision.Steps = append(decision.Steps, step)
		if decision.Route >= 0 {
			break
		}
	}
	return decision
}
