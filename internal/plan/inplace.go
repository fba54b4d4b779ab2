package plan

import "slices"

// Row is an override row that is in place.
type Row struct {
	Name string
	// To is where it leads.
	To Cluster
}

// Rows lists the override rows, by name.
func (r *Routes) Rows() []Row {
	if r == nil {
		return nil
	}
	out := make([]Row, len(r.overrides))
	for i, o := range r.overrides {
		out[i] = Row{o.name, o.to}
	}
	return out
}

// Ordinary lists the clusters that the other rows name: where ordinary requests go, and
// copies of them.
func (r *Routes) Ordinary() []Cluster {
	if r == nil {
		return nil
	}
	return slices.Clone(r.ordinary)
}

// CleansUp reports whether something is held only to be removed later: versions are
// served and ordinary traffic is where it is to be without it.
func (r Reason) CleansUp() bool { return r == StillNamed || r == StillPinned }
