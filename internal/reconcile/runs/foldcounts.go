// Counts of the events that gave each fold a value, by run and by generation.

package runs

// MinEventsForWarning is the number of events from which a fold without any value is reported as probably misdeclared.
const MinEventsForWarning = 100

// FoldCounts counts the events that gave each fold a value.
type FoldCounts struct {
	Events int64            `json:"events"` // that were counted
	Values map[string]int64 `json:"values"` // by fold

	// Matched counts, for folds whose conditions name only declared values, the events that matched the condition, and for folds
	// of columns that some streams do not have, those of the other streams. If it is 0 there may just be no such event yet.
	Matched map[string]int64 `json:"met,omitempty"`
}

// Add adds the counts of other events. Runs of older versions have no counts.
func (g *FoldCounts) Add(other *FoldCounts) {
	if other == nil {
		return
	}
	g.Events += other.Events
	g.Values, g.Matched = addCounts(g.Values, other.Values), addCounts(g.Matched, other.Matched)
}

// addCounts adds counts by name to others, which may be nil.
func addCounts(counts, more map[string]int64) map[string]int64 {
	if counts == nil {
		counts = map[string]int64{}
	}
	for name, n := range more {
		counts[name] += n
	}
	return counts
}

// WithoutValues returns those folds that got no value from many events, although events matched their conditions.
func (g *FoldCounts) WithoutValues(folds []string) []string {
	if g == nil || g.Events < MinEventsForWarning {
		return nil
	}
	var without []string
	for _, name := range folds {
		met, declared := g.Matched[name]
		if n, counted := g.Values[name]; counted && n == 0 && (!declared || met > 0) {
			without = append(without, name)
		}
	}
	return without
}
