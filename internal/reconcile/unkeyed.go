// Events without a key: they are in no artifact, and each run accounts for those of its batches (rule 4).

package reconcile

import (
	"context"
	"fmt"
	"maps"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/fold"
)

// Unkeyed is what events without a key come to, by stream. A stream without such events is left out.
type Unkeyed map[string]UnkeyedOf

// UnkeyedOf is what the events of one stream that have no key come to.
type UnkeyedOf struct {
	Events      int64             `json:"events"`
	Totals      event.Totals      `json:"totals"`                // each control total of the stream
	Definitions map[string]string `json:"definitions,omitempty"` // of each, when it was summed
}

// Events is how many events there are in all streams.
func (u Unkeyed) Events() (n int64) {
	for _, own := range u {
		n += own.Events
	}
	return n
}

// add takes in what other events come to. Totals that were summed by two definitions are left out: their sum is neither.
func (u *Unkeyed) add(other Unkeyed) error {
	for stream, more := range other {
		own, known := (*u)[stream]
		if !known {
			own = UnkeyedOf{Totals: event.Totals{}, Definitions: maps.Clone(more.Definitions)}
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

// now is the same as it is written since the streams' types have grown.
func (u Unkeyed) now(plan *fold.Plan) Unkeyed {
	out := Unkeyed{}
	for stream, own := range u {
		own.Totals = own.Totals.Now(plan.Events.Stream(stream))
		out[stream] = own
	}
	return out
}

// conserved is the totals that the pipeline conserves, of all streams together.
func (u Unkeyed) conserved(plan *fold.Plan) (event.Totals, error) {
	all := event.Totals{}
	for _, own := range u.now(plan) {
		if err := all.Add(conservedOf(plan, own.Totals)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// keyed is how many of a run's events are folded into artifacts.
func (r *Run) keyed() int64 { return r.Events - r.Unkeyed.Events() }

// folded is what the run's artifacts move by: its events and conserved totals without those of events that have no key.
func (r *Run) folded(plan *fold.Plan) (events int64, totals event.Totals, err error) {
	if len(r.Unkeyed) == 0 {
		return r.Events, r.Totals, nil
	}
	apart, err := r.Unkeyed.conserved(plan)
	if err != nil {
		return 0, nil, err
	}
	totals = event.Totals{}
	if err := totals.Add(r.Totals); err != nil {
		return 0, nil, err
	}
	return r.keyed(), totals, totals.Sub(apart)
}

// countUnkeyed counts and sums the events of batches that have no key.
func (e *Engine) countUnkeyed(ctx context.Context, session *duck.Session, plan *fold.Plan, batches []event.Batch) (found Unkeyed, err error) {
	for _, s := range plan.Events.Streams {
		own := event.FilterStream(batches, s.Name)
		if len(own) == 0 || plan.Events.Unkeyed(s.Name) == "" {
			continue
		}
		view, of := event.UnkeyedSQL(e.Objects, plan.Events, s, own), UnkeyedOf{Definitions: event.TotalDefinitions(s)}
		err := session.QueryAbout(ctx, 1, "SELECT count(*) FROM ("+view+")", func(rows []column.Vector) error {
			of.Events += rows[0].Ints[0]
			return nil
		})
		if err != nil || of.Events == 0 {
			if err != nil {
				return nil, fmt.Errorf("count events of %s without a key: %w", s.Name, err)
			}
			continue
		}
		var names []string
		for i := range s.Totals {
			names = append(names, s.Totals[i].Name)
		}
		if of.Totals, err = event.SumTotals(ctx, session, s, view, names); err != nil {
			return nil, fmt.Errorf("sum events of %s without a key: %w", s.Name, err)
		}
		if found == nil {
			found = Unkeyed{}
		}
		found[s.Name] = of
	}
	return found, nil
}
