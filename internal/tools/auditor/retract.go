// The model of retractions.

package auditor

import "slices"

// Retraction excludes a batch, or one event of it.
type Retraction struct {
	Stream string
	Batch  int
	Event  string // its id as JSON; empty is the whole batch

	event int // position among all events; -1 for a whole batch
	by    int // the event that takes its place; 0 if there is none
	files int // number of files that the stream had ingested by then
}

// isBatchRetracted reports whether a whole batch is retracted.
func (m *Model) isBatchRetracted(in *ingested, batch int) bool {
	return slices.ContainsFunc(m.retracted, func(r Retraction) bool {
		return r.event < 0 && r.Stream == in.stream.Name && r.Batch == batch
	})
}

// isRowRetracted reports whether a row in quarantine is retracted with the batch of its file.
func (m *Model) isRowRetracted(in *ingested, r record) bool {
	return m.isBatchRetracted(in, r.file.batch)
}

// isRetracted reports whether an event is retracted, alone or with its batch.
func (m *Model) isRetracted(e *acceptedEvent) bool {
	return slices.ContainsFunc(m.retracted, func(r Retraction) bool {
		if r.event < 0 {
			return r.Stream == e.Stream && r.Batch == e.Batch
		}
		return m.events[r.event].Place == e.Place
	})
}

// countedEvent returns the last event of an id that is not retracted, or nil.
func (m *Model) countedEvent(in *ingested, id string) *idEntry {
	list := in.known[id]
	for i := len(list) - 1; i >= 0; i-- {
		if !m.isRetracted(&m.events[list[i].event]) {
			return &list[i]
		}
	}
	return nil
}

// known says how a known file is treated: as known, as new, or read again.
func (m *Model) known(in *ingested, earlier *ingestedFile) (known *ingestedFile, again bool) {
	if m.isBatchRetracted(in, earlier.batch) {
		return nil, false
	}
	number := slices.Index(in.numbered, earlier)
	for _, r := range m.retracted {
		if r.Stream == in.stream.Name && in.stream.Dedupe == 0 && number < r.files {
			return nil, true
		}
	}
	return earlier, false
}

// quarantined returns the rows in quarantine that are not retracted.
func (m *Model) quarantined(in *ingested) (rows []record) {
	for _, q := range in.quarantine {
		for _, r := range q.rows {
			if !m.isRowRetracted(in, r) {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// isRetryable reports whether the next retry reads a quarantine, which it does unless its batch is retracted with its files.
func (m *Model) isRetryable(in *ingested, q rejected) bool {
	return in.retries[q.batch] || !m.isBatchRetracted(in, q.batch)
}

// ToRetract picks the next retraction in a stream, if there is any: the nth batch, or the nth event if its id can be written.
func (m *Model) ToRetract(stream string, n int, event bool) (r Retraction, ok bool) {
	in := m.intakes[stream]
	r = Retraction{Stream: stream, event: -1, files: len(in.numbered)}
	if event && in.stream.ID[0][0] != '_' {
		var own []int
		for i := range m.events {
			if e := &m.events[i]; e.Stream == stream && !m.isRetracted(e) {
				own = append(own, i)
			}
		}
		if len(own) == 0 {
			return r, false
		}
		r.event = m.newestVersion(own[n%len(own)])
		e := &m.events[r.event]
		if m.isRetracted(e) {
			return r, false
		}
		r.Batch, r.Event = e.Batch, m.idJSON(in.stream, e.Row)
		return r, true
	}
	var own []int
	for batch := 1; batch <= in.batches; batch++ {
		if !m.isBatchRetracted(in, batch) {
			own = append(own, batch)
		}
	}
	if len(own) == 0 {
		return r, false
	}
	r.Batch = own[n%len(own)]
	return r, true
}

// idJSON returns an event's id as it is printed.
func (m *Model) idJSON(s *Stream, row Row) string {
	values, types := make([]Value, len(s.ID)), make([]Type, len(s.ID))
	for i, name := range s.ID {
		values[i], types[i] = row[name], s.Column(name).Type
	}
	return keyJSON(values, types)
}

// Retract applies a retraction and returns the counts of what it excludes.
func (m *Model) Retract(r Retraction) Counts {
	in := m.intakes[r.Stream]
	counts := in.counts()
	for i := range m.events {
		e := &m.events[i]
		if i == r.event || r.event < 0 && e.Stream == r.Stream && e.Batch == r.Batch {
			counts.Accepted++
			in.total(e.Row, &counts)
		}
	}
	m.retracted = append(m.retracted, r)
	return counts
}

// ToUndo picks the next retraction of a stream to undo.
func (m *Model) ToUndo(stream string, n int) (r Retraction, ok bool) {
	own := slices.DeleteFunc(slices.Clone(m.retracted), func(r Retraction) bool { return r.Stream != stream })
	if len(own) == 0 {
		return r, false
	}
	return own[n%len(own)], true
}

// Undo undoes a retraction. It is refused if another event with the same id counts.
func (m *Model) Undo(r Retraction) (refused bool) {
	in := m.intakes[r.Stream]
	at := slices.Index(m.retracted, r)
	alone := func(i int) bool {
		return slices.ContainsFunc(m.retracted, func(o Retraction) bool { return o.event == i && o != r })
	}
	for i := range m.events {
		e := &m.events[i]
		if i != r.event && (r.event >= 0 || e.Stream != r.Stream || e.Batch != r.Batch || alone(i)) {
			continue
		}
		for _, f := range in.known[e.id] {
			o := &m.events[f.event]
			away := max(o.day-e.day, e.day-o.day)
			if o.Batch != e.Batch && !m.isRetracted(o) && (in.stream.Dedupe == 0 || away < in.stream.Dedupe) {
				return true
			}
		}
	}
	m.retracted = slices.Delete(slices.Clone(m.retracted), at, at+1)
	for _, file := range in.numbered {
		if r.event < 0 && file.batch == r.Batch && !file.again {
			in.files[file.digest] = file
		}
	}
	return false
}

// Folded reports whether a batch is in artifacts.
func (m *Model) Folded(r Retraction) bool {
	return slices.ContainsFunc(m.Sealed[:m.published], func(b Batch) bool { return b.Stream == r.Stream && b.Number == r.Batch })
}

// Counted returns the number of events that count in a sealed batch, given by its position from 1.
func (m *Model) Counted(at int) (n int64) {
	for i := range m.events {
		if e := &m.events[i]; e.seal == at && !m.isRetracted(e) {
			n++
		}
	}
	return n
}
