// Events without a key: they are in no artifact, and each run counts those of its batches (rule 4).

package runs

import (
	"maps"

	"bursar/internal/event"
	"bursar/internal/fold"
)

// Unkeyed counts and sums events without a key, by stream. Streams without such events are left out.
type Unkeyed map[string]UnkeyedTotals

// UnkeyedTotals counts and sums the events of one stream that have no key.
type UnkeyedTotals struct {
	Events      int64             `json:"events"`
	Totals      event.Totals      `json:"totals"`                // by control total of the stream
	Definitions map[string]string `json:"definitions,omitempty"` // of each total, when it was summed
}

// Events counts the events of all streams.
func (u Unkeyed) Events() (n int64) {
	for _, own := range u {
		n += own.Events
	}
	return n
}

// Add adds the counts and sums of other events. Totals with two definitions are dropped: their sum would be neither.
func (u *Unkeyed) Add(other Unkeyed) error {
	for stream, more := range other {
		own, known := (*u)[stream]
		if !known {
			own = UnkeyedTotals{Totals: event.Totals{}, Definitions: maps.Clone(more.Definitions)}
		}
		own.Events += more.Events
		if err := own.Totals.Add(more.Totals); err != nil {
			return err
		}
		for name := range own.Totals {
			if own.Definitions[name] != more.Definitions[name] {
				delete(own.Totals, name)
				delete(own.Definitions, name)
			}
		}
		if *u == nil {
			*u = Unkeyed{}
		}
		(*u)[stream] = own
	}
	return nil
}

// Rescaled returns the totals at the scales that the streams' types have now.
func (u Unkeyed) Rescaled(plan *fold.Plan) Unkeyed {
	out := Unkeyed{}
	for stream, own := range u {
		own.Totals = own.Totals.Now(plan.Events.Stream(stream))
		out[stream] = own
	}
	return out
}

// conserved returns the totals that the pipeline conserves, of all streams together.
func (u Unkeyed) conserved(plan *fold.Plan) (event.Totals, error) {
	all := event.Totals{}
	for _, own := range u.Rescaled(plan) {
		if err := all.Add(conservedIn(plan, own.Totals)); err != nil {
			return nil, err
		}
	}
	return all, nil
}
