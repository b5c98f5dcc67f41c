// The intake of the model: rows are checked one after another, and batches are sealed.

package auditor

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

type ingested struct {
	stream     *Stream
	files      map[string]*ingestedFile
	numbered   []*ingestedFile      // all files, in the order of their receipt
	known      map[string][]idEntry // by id, the last at the end
	quarantine []rejected
	retries    map[int]bool // batches that were made by a retry
	batches    int
}

type rejected struct {
	batch int
	rows  []record
}

// acceptedEvent is an event with its key, the batch it is in, and where it was read.
type acceptedEvent struct {
	Row
	key  []Value // nil where a column of it is null
	seal int     // its batch's place among the sealed ones, from 1
	id   string
	day  int
	Place
}

// idEntry is an event that an id was accepted with, and the day of its receipt.
type idEntry struct {
	content string
	place   Place
	file    *ingestedFile
	day     int
	event   int // its place among all events
}

type ingestedFile struct {
	digest       string
	name, header string
	number       int // in the order of receipt, from 1
	rows         int64
	batch        int            // 0 if nothing of it was sealed
	again        bool           // a known file that was read again after a retraction
	occurrences  map[string]int // of each content, for _content
}

// Ingest ingests files as one batch of a stream.
func (m *Model) Ingest(stream string, files []File) Counts {
	in := m.intakes[stream]
	counts := in.counts()
	var rows []record
	own := map[string]*ingestedFile{}
	for _, f := range files {
		digest := fmt.Sprint(f.Zip, f.Text)
		earlier := own[digest]
		file := &ingestedFile{digest: digest, name: f.Name, number: len(in.numbered) + 1, occurrences: map[string]int{}}
		if earlier == nil && in.files[digest] != nil {
			earlier, file.again = m.known(in, in.files[digest])
		}
		if earlier != nil {
			counts.Rows += earlier.rows
			counts.Duplicates += earlier.rows
			continue
		}
		own[digest] = file
		read := records(in.stream, file, f.Text)
		file.rows = int64(len(read))
		for _, r := range read {
			if !m.judge(in, &r, in.batches+1, &counts) {
				rows = append(rows, r)
			}
		}
		in.numbered = append(in.numbered, file)
	}
	counts.Sealed = counts.Accepted+counts.Quarantined > 0
	m.seal(in, counts, rows)
	for _, file := range own {
		if counts.Sealed {
			file.batch = in.batches
		}
		if !file.again {
			in.files[file.digest] = file
		}
	}
	return counts
}

// Retry checks all rows in a stream's quarantine again.
func (m *Model) Retry(stream string) Counts {
	in := m.intakes[stream]
	counts := in.counts()
	var rows []record
	for _, q := range in.quarantine {
		for _, r := range q.rows {
			switch {
			case !m.isRetryable(in, q):
			case m.isRowRetracted(in, r):
				counts.Rows, counts.Quarantined = counts.Rows+1, counts.Quarantined+1
				rows = append(rows, r)
			case !m.judge(in, &r, 0, &counts):
				rows = append(rows, r)
			}
		}
	}
	if counts.Accepted+counts.Duplicates == 0 {
		return counts
	}
	in.quarantine = slices.DeleteFunc(in.quarantine, func(q rejected) bool { return m.isRetryable(in, q) })
	counts.Sealed = counts.Accepted+counts.Quarantined > 0
	m.seal(in, counts, rows)
	in.retries[in.batches] = in.retries[in.batches] || counts.Sealed
	return counts
}

func (in *ingested) counts() Counts {
	totals := map[string]map[string]*big.Rat{}
	for _, t := range in.stream.Totals {
		totals[t.Name] = map[string]*big.Rat{}
		if t.By == "" {
			totals[t.Name][""] = new(big.Rat)
		}
	}
	return Counts{Totals: totals}
}

func (m *Model) seal(in *ingested, counts Counts, rows []record) {
	if counts.Sealed {
		in.batches++
		m.Sealed = append(m.Sealed, Batch{in.stream.Name, in.batches, counts})
	}
	if len(rows) > 0 {
		in.quarantine = append(in.quarantine, rejected{in.batches, rows})
	}
}

// judge judges one row; false is quarantine. The batch is the one the row was handed in for, 0 if that was an earlier one.
func (m *Model) judge(in *ingested, r *record, batch int, counts *Counts) bool {
	counts.Rows++
	r.conflict = nil
	row, ok := read(in.stream, *r)
	if ok {
		ok = compute(in.stream, row)
	}
	switch {
	case !ok && batch > 0 && r.file.again: // it is already in quarantine
		counts.Duplicates++
		return true
	case !ok:
		counts.Quarantined++
		return false
	}
	content := contentOf(row)
	id := identify(in.stream, *r, row, content)
	if in.stream.Versions {
		id += content
	}
	if before := m.countedEvent(in, id); before != nil && in.remembers(*before, m.day) {
		known := batch > 0 && (r.file.again || before.file.digest == r.file.digest && before.place.Row == r.line)
		if before.content != content && !known {
			r.conflict = &before.place
			counts.Quarantined++
			return false
		}
		counts.Duplicates++
		return true
	}
	place := Place{in.stream.Name, batch, r.file.name, r.line}
	in.known[id] = append(in.known[id], idEntry{content, place, r.file, m.day, len(m.events)})
	in.total(row, counts)
	place.Batch = in.batches + 1
	m.events = append(m.events, acceptedEvent{row, m.pipeline.keyIn(in.stream.Name, row), len(m.Sealed) + 1, id, m.day, place})
	row[StreamColumn], row[ReceivedColumn] = textValue(in.stream.Name), received(r)
	counts.Accepted++
	return true
}

// remembers reports whether an id still counts. The clock goes on by seconds with every look, so that what is as many days
// old as the window is long lies outside.
func (in *ingested) remembers(f idEntry, day int) bool {
	return in.stream.Dedupe == 0 || day-f.day < in.stream.Dedupe
}

// compute adds the computed columns; false is a row that overflows one, or lacks a required one.
func compute(s *Stream, row Row) bool {
	for _, c := range s.Columns {
		if c.Is == nil {
			continue
		}
		v := c.Is.Eval(row)
		if c.Type.Kind == Decimal && !v.IsNull() && !fits(v.number, c.Type) {
			return false
		}
		if v.IsNull() && !c.Optional {
			return false
		}
		if !v.IsNull() {
			row[c.Name] = v
		}
	}
	return true
}

func contentOf(row Row) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(row)) {
		fmt.Fprintf(&b, "%s=%s;", name, row[name].canonical())
	}
	return b.String()
}

func identify(s *Stream, r record, row Row, content string) string {
	switch s.ID[0] {
	case "_row":
		return fmt.Sprint(r.line, " ", r.file.digest)
	case "_content":
		r.file.occurrences[content]++
		return fmt.Sprint(r.file.occurrences[content], content)
	}
	id := ""
	for _, name := range s.ID {
		id += row[name].canonical() + ";"
	}
	return id
}

func (in *ingested) total(row Row, counts *Counts) {
	for _, t := range in.stream.Totals {
		if t.Where != nil && !t.Where.Matches(row) {
			continue
		}
		group := ""
		if t.By != "" {
			group = row[t.By].plain(in.stream.Column(t.By).Type)
		}
		sums := counts.Totals[t.Name]
		if sums[group] == nil {
			sums[group] = new(big.Rat)
		}
		if v := row[t.Sum]; !v.IsNull() {
			sums[group].Add(sums[group], v.number)
		}
	}
}
