package route

import (
	"slices"
	"strings"
)

// Placed describes the routes of an object in the cluster, for any back end.
type Placed struct {
	// ExportTo lists the namespaces that see the object; empty means all.
	ExportTo []string
	// Names are all clusters that it names: Overridden those of rows for requests with an
	// override, Ordinary those of the others.
	Names, Overridden, Ordinary Clusters
	// Overrides are the override rows, sorted by name.
	Overrides []PlacedOverride
	// Delegates is set if ordinary traffic goes where an object of the user decides.
	Delegates bool
}

// PlacedOverride is an override row in the cluster, and its destination.
type PlacedOverride struct {
	Name string
	To   Cluster
}

// PlacedRow is one row of an object in the cluster, as a back end reads it.
type PlacedRow struct {
	Name string
	// Override is set for rows that take requests because of an override.
	Override bool
	// Names are the clusters that it names, the destination first; Single is set if there
	// is one destination.
	Names  []Cluster
	Single bool
	// Delegates is set if the row goes where an object of the user decides.
	Delegates bool
}

// NewPlaced combines the rows of an object. If several rows have one name, the last
// counts.
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

// Override returns the destination of the override row with a name, and whether there is
// one.
func (p *Placed) Override(name string) (Cluster, bool) {
	i, found := slices.BinarySearchFunc(p.Overrides, name, PlacedOverride.compare)
	if !found {
		return Cluster{}, false
	}
	return p.Overrides[i].To, true
}

// HasOverride reports whether there is an override row with a name.
func (p *Placed) HasOverride(name string) bool {
	_, found := p.Override(name)
	return found
}

// PlacedSubsets are the subsets that an object in the cluster provides.
type PlacedSubsets struct {
	Host string
	// ExportTo is raw, as in [SubsetRule].
	ExportTo []string
	Subsets  []Subset
}

// AddLabels adds the labels of each subset to a map; nothing if p is nil.
func (p *PlacedSubsets) AddLabels(to map[Cluster]map[string]string) {
	if p == nil {
		return
	}
	for _, s := range p.Subsets {
		to[Cluster{p.Host, s.Name}] = s.Labels
	}
}
