// The model of accepting a conflict: the row takes the place of the event with its id.

package auditor

import (
	"fmt"
	"slices"
)

// Accept accepts the Nth conflict.
const Accept Action = "accept"

// Conflict names a conflict in a stream's quarantine by the number of its file within the stream, and its row.
type Conflict struct {
	Stream    string
	File, Row int
}

// Ref is how the row is printed.
func (c Conflict) Ref() string { return fmt.Sprintf("%d:%d", c.File, c.Row) }

// AcceptedConflict is the expected result of accepting a conflict.
type AcceptedConflict struct {
	Refused bool        // the event with its id has the same values
	Out     *Retraction // of the older event; nil if none counts
	Counts              // of the batch that retries the row's quarantine
}

// accept adds acceptances after steps that may cause conflicts.
func (g *generator) accept(c *Case) {
	var steps []Step
	for i, step := range c.Steps {
		steps = append(steps, step)
		if i == len(c.Steps)-1 || step.Action != Ingest && step.Action != Retry {
			continue
		}
		for !g.chance(3) {
			steps = append(steps, Step{Action: Accept, StreamName: step.StreamName, Nth: g.IntN(1000)})
		}
	}
	c.Steps = steps
}

// ToAccept picks the nth conflict in a stream's quarantine, if there is any.
func (m *Model) ToAccept(stream string, n int) (c Conflict, ok bool) {
	in := m.intakes[stream]
	var all []Conflict
	if in.stream.Versions { // a retry accepts conflicts there
		return c, false
	}
	for _, r := range m.quarantined(in) {
		if r.conflict != nil {
			all = append(all, Conflict{stream, 1 + slices.Index(in.numbered, r.file), r.line})
		}
	}
	if len(all) == 0 {
		return c, false
	}
	return all[n%len(all)], true
}

// Accept retracts the event with the row's id, then retries the row's quarantine with the row first.
func (m *Model) Accept(c Conflict) (out AcceptedConflict) {
	in := m.intakes[c.Stream]
	is := func(r record) bool { return r.line == c.Row && r.file == in.numbered[c.File-1] }
	at := slices.IndexFunc(in.quarantine, func(q rejected) bool { return m.isRetryable(in, q) && slices.ContainsFunc(q.rows, is) })
	rows := slices.Clone(in.quarantine[at].rows)
	first := slices.IndexFunc(rows, is)
	chosen := rows[first]
	over := []*Place{chosen.conflict}
	if older := m.conflictingEvent(in, chosen); older != nil {
		over = append(over, &older.place)
		if out.Refused = older.content == contentOf(valuesOf(in.stream, chosen)); out.Refused {
			return out
		}
		e := &m.events[older.event]
		out.Out = &Retraction{Stream: c.Stream, Batch: e.Batch, Event: m.idOf(in, e), event: older.event, by: len(m.events)} // the id stays taken
		m.retracted = append(m.retracted, *out.Out)
	}
	in.quarantine = slices.Delete(in.quarantine, at, at+1)
	out.Counts = in.counts()
	var left []record
	for i, r := range append([]record{chosen}, slices.Delete(rows, first, first+1)...) {
		judged := i == 0 || !m.isRowRetracted(in, r) && r.conflict != nil && slices.ContainsFunc(over, func(p *Place) bool { return *p == *r.conflict })
		if !judged {
			out.Rows++
			out.Quarantined++
		}
		if !judged || !m.judge(in, &r, 0, &out.Counts) {
			left = append(left, r)
		}
	}
	out.Sealed = true
	m.seal(in, out.Counts, left)
	in.retries[in.batches] = true
	return out
}

// conflictingEvent returns the event that has a row's id now, or nil.
func (m *Model) conflictingEvent(in *ingested, r record) *idEntry {
	row := valuesOf(in.stream, r)
	id := identify(in.stream, r, row, contentOf(row))
	before := m.countedEvent(in, id)
	if before != nil && in.remembers(*before, m.day) {
		return before
	}
	// The id left the dedupe window, but the event that the row was in conflict with still counts, or its replacement does.
	at := slices.IndexFunc(in.known[id], func(f idEntry) bool { return f.place == *r.conflict })
	for at >= 0 && m.isRetracted(&m.events[in.known[id][at].event]) {
		by := m.replacedBy(in.known[id][at].event)
		at = slices.IndexFunc(in.known[id], func(f idEntry) bool { return f.event == by })
	}
	if at < 0 {
		return nil
	}
	return &in.known[id][at]
}

// replacedBy returns the event that was accepted in place of another, or -1.
func (m *Model) replacedBy(event int) int {
	for _, r := range m.retracted {
		if r.event == event && r.by > 0 {
			return r.by
		}
	}
	return -1
}

// valuesOf returns the columns of a row in conflict, which has the stream's schema.
func valuesOf(s *Stream, r record) Row {
	row, _ := read(s, r)
	compute(s, row)
	return row
}

// idOf is an event's id as it is printed; of one that cannot be written, any text.
func (m *Model) idOf(in *ingested, e *acceptedEvent) string {
	if in.stream.ID[0][0] == '_' {
		return in.stream.ID[0]
	}
	return m.idJSON(in.stream, e.Row)
}
