package route

import (
	"slices"
	"strings"
)

// Placed is what the routes of an object in place name, whatever back end wrote it.
type Placed struct {
	// ExportTo lists the namespaces that see the object; empty means all.
	ExportTo []string
	// Names are all clusters that it names: Overridden those of rows for requests that
	// carry an override, Ordinary those of the others.
	Names, Overridden, Ordinary Clusters
	// Overrides are the override rows, sorted by name.
	Overrides []PlacedOverride
	// Delegates is set where ordinary traffic goes where an object of the user's says.
	Delegates bool
}

// PlacedOverride is an override row in place, and where it leads.
type PlacedOverride struct {
	Name string
	To   Cluster
}

// PlacedRow is one row of an object in place, as a back end reads it.
type PlacedRow struct {
	Name string
	// Override is set for rows that take requests because they carry an override.
	Override bool
	// Names are the clusters that it names, the destination first; Single is set where
	// there is one destination.
	Names  []Cluster
	Single bool
	// Delegates is set where the row goes where an object of the user's says.
	Delegates bool
}

// NewPlaced sums up the rows of an object. Of rows of one name, the last counts.
func NewPlaced(exportTo []string, rows []PlacedRow) *Placed {
	p := &Placed{ExportTo: exportTo}
	one := map[string]string{}
	share := func(s string) string {
		if same, ok := one[s]; ok {
			return same
		}
		one[s] = s
		return s
	}
	for i := range rows {
		r := &rows[i]
		p.Delegates = p.Delegates || r.Delegates
		for j, c := range r.Names {
			r.Names[j] = Cluster{share(c.Host), share(c.Subset)}
		}
		if !r.Override {
			p.Ordinary = append(p.Ordinary, r.Names...)
			continue
		}
		p.Overridden = append(p.Overridden, r.Names...)
		if r.Single && len(r.Names) > 0 {
			p.Overrides = append(p.Overrides, PlacedOverride{r.Name, r.Names[0]})
		}
	}
	p.Names = NewClusters(slices.Concat(p.Ordinary, p.Overridden))
	p.Ordinary, p.Overridden = NewClusters(p.Ordinary), NewClusters(p.Overridden)
	slices.Reverse(p.Overrides)
	slices.SortStableFunc(p.Overrides, func(a, b PlacedOverride) int { return a.compare(b.Name) })
	p.Overrides = slices.Clone(slices.CompactFunc(p.Overrides, func(a, b PlacedOverride) bool { return a.Name == b.Name }))
	return p
}

func (o PlacedOverride) compare(name string) int { return strings.Compare(o.Name, name) }

// Override returns where the override row of a name leads, and whether there is one.
func (p *Placed) Override(name string) (Cluster, bool) {
	i, found := slices.BinarySearchFunc(p.Overrides, name, PlacedOverride.compare)
	if !found {
		return Cluster{}, false
	}
	return p.Overrides[i].To, true
}

// HasOverride reports whether there is an override row of a name.
func (p *Placed) HasOverride(name string) bool {
	_, found := p.Override(name)
	return found
}

// PlacedSubsets are the subsets that an object in place provides.
type PlacedSubsets struct {
	Host string
	// ExportTo is raw, as in [SubsetRule].
	ExportTo []string
	Subsets  []Subset
}

// AddLabels notes the labels of each subset; none of nil.
func (p *PlacedSubsets) AddLabels(to map[Cluster]map[string]string) {
	if p == nil {
		return
	}
	for _, s := range p.Subsets {
		to[Cluster{p.Host, s.Name}] = s.Labels
	}
}
