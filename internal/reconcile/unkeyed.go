// Events without a key: they are in no artifact, and each run counts those of its batches (rule 4).

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

// add adds the counts and sums of other events. Totals with two definitions are dropped: their sum would be neither.
func (u *Unkeyed) add(other Unkeyed) error {
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

// rescaled returns the totals at the scales that the streams' types have now.
func (u Unkeyed) rescaled(plan *fold.Plan) Unkeyed {
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
	for _, own := range u.rescaled(plan) {
		if err := all.Add(conservedIn(plan, own.Totals)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// keyedEvents is how many of a run's events are folded into artifacts.
func (r *Run) keyedEvents() int64 { return r.Events - r.Unkeyed.Events() }

// foldedTotals is what the artifacts must change by: the run's events and conserved totals without those of unkeyed events.
func (r *Run) foldedTotals(plan *fold.Plan) (events int64, totals event.Totals, err error) {
	if len(r.Unkeyed) == 0 {
		return r.Events, r.Totals, nil
	}
	unkeyed, err := r.Unkeyed.conserved(plan)
	if err != nil {
		return 0, nil, err
	}
	totals = event.Totals{}
	if err := totals.Add(r.Totals); err != nil {
		return 0, nil, err
	}
	return r.keyedEvents(), totals, totals.Sub(unkeyed)
}

// countUnkeyed counts and sums those events of batches that have no key.
func (e *Engine) countUnkeyed(ctx context.Context, session *duck.Session, plan *fold.Plan, batches []event.Batch) (found Unkeyed, err error) {
	for _, s := range plan.Events.Streams {
		own := event.FilterStream(batches, s.Name)
		if len(own) == 0 || plan.Events.Unkeyed(s.Name) == "" {
			continue
		}
		view, totals := event.UnkeyedSQL(e.Objects, plan.Events, s, own), UnkeyedTotals{Definitions: event.TotalDefinitions(s)}
		err := session.QueryEstimated(ctx, 1, "SELECT count(*) FROM ("+view+")", func(rows []column.Vector) error {
			totals.Events += rows[0].Ints[0]
			return nil
		})
		if err != nil || totals.Events == 0 {
			if err != nil {
				return nil, fmt.Errorf("count events of %s without a key: %w", s.Name, err)
			}
			continue
		}
		var names []string
		for i := range s.Totals {
			names = append(names, s.Totals[i].Name)
		}
		if totals.Totals, err = event.SumTotals(ctx, session, s, view, names); err != nil {
			return nil, fmt.Errorf("sum events of %s without a key: %w", s.Name, err)
		}
		if found == nil {
			found = Unkeyed{}
		}
		found[s.Name] = totals
	}
	return found, nil
}
