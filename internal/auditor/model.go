// model.go is what a stream and its pipeline must come to: slices and maps, one event after another.

package auditor

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// File is one file that is handed in. Its name tells nothing but whether it is compressed.
type File struct {
	Name string
	Text string
	Zip  bool
}

// Counts is what one ingest or retry comes to.
type Counts struct {
	Rows, Accepted, Quarantined, Duplicates int64
	Totals                                  map[string]map[string]*big.Rat // by name and group
	Sealed                                  bool
}

// Model holds a stream and its pipeline as they must be.
type Model struct {
	stream   *Stream
	pipeline *Pipeline

	files      map[string]*taken
	known      map[string]first // by id
	events     []accepted
	quarantine [][]record // a batch's rejected rows together
	day        int        // as the clock has it
	published  int        // the last batch that is in artifacts
	Batches    []Counts   // those that were sealed
}

// accepted is an event, the batch it is in, and where it was read.
type accepted struct {
	Row
	batch int
	file  string
	line  int
}

// first is the event that an id was last accepted with, and the day of its receipt.
type first struct {
	content string
	place   Place
	day     int
}

// Place is where an event was read. Batch is 0 when it came to its batch through quarantine, by a retry.
type Place struct {
	Batch int
	File  string
	Row   int
}

// Held is one row in quarantine, whole. First is the event that it is in conflict with, if it is.
type Held struct {
	File  string
	Row   int
	Text  string
	First *Place
}

// taken is a file that was taken in.
type taken struct {
	name, header string
	rows         int64
	occurrences  map[string]int // of each content, for _content
}

// NewModel is the model of a project in which nothing has happened.
func NewModel(s *Stream, p *Pipeline) *Model {
	return &Model{stream: s, pipeline: p, files: map[string]*taken{}, known: map[string]first{}}
}

// Grow changes the stream's declaration.
func (m *Model) Grow(s *Stream) { m.stream = s }

// Wait lets days pass.
func (m *Model) Wait(days int) { m.day += days }

// Publish puts the events of all batches up to one into artifacts.
func (m *Model) Publish(batch int) { m.published = batch }

// Keys are the keys that the events of a batch have.
func (m *Model) Keys(batch int) map[string]bool {
	keys := map[string]bool{}
	for _, e := range m.events {
		if e.batch == batch {
			keys[m.keyJSON(e.Row)] = true
		}
	}
	return keys
}

// Ingest takes files into one batch.
func (m *Model) Ingest(files []File) Counts {
	counts := m.counts()
	var rejected []record
	for _, f := range files {
		digest := fmt.Sprint(f.Zip, f.Text)
		if earlier := m.files[digest]; earlier != nil {
			counts.Rows += earlier.rows
			counts.Duplicates += earlier.rows
			continue
		}
		file := &taken{name: f.Name, occurrences: map[string]int{}}
		m.files[digest] = file
		rows := records(m.stream, file, f.Text)
		file.rows = int64(len(rows))
		for _, r := range rows {
			if !m.take(&r, len(m.Batches)+1, &counts) {
				rejected = append(rejected, r)
			}
		}
	}
	counts.Sealed = counts.Accepted+counts.Quarantined > 0
	m.seal(counts, rejected)
	return counts
}

// Retry takes all rows in quarantine up again.
func (m *Model) Retry() Counts {
	counts := m.counts()
	var rejected []record
	for _, r := range slices.Concat(m.quarantine...) {
		if !m.take(&r, 0, &counts) {
			rejected = append(rejected, r)
		}
	}
	if counts.Accepted+counts.Duplicates == 0 {
		return counts
	}
	m.quarantine = nil
	counts.Sealed = counts.Accepted+counts.Quarantined > 0
	m.seal(counts, rejected)
	return counts
}

func (m *Model) counts() Counts {
	totals := map[string]map[string]*big.Rat{}
	for _, t := range m.stream.Totals {
		totals[t.Name] = map[string]*big.Rat{}
		if t.By == "" {
			totals[t.Name][""] = new(big.Rat)
		}
	}
	return Counts{Totals: totals}
}

func (m *Model) seal(counts Counts, rejected []record) {
	if counts.Sealed {
		m.Batches = append(m.Batches, counts)
	}
	if len(rejected) > 0 {
		m.quarantine = append(m.quarantine, rejected)
	}
}

// take judges one row; false is quarantine. The batch is the one the row was handed in for, 0 if that was an earlier one.
func (m *Model) take(r *record, batch int, counts *Counts) bool {
	counts.Rows++
	r.conflict = nil
	row, ok := read(m.stream, *r)
	if ok {
		ok = m.compute(row)
	}
	if !ok {
		counts.Quarantined++
		return false
	}
	content := contentOf(row)
	id := m.identify(*r, row, content)
	if before, seen := m.known[id]; seen && m.remembers(before) {
		if before.content != content {
			r.conflict = &before.place
			counts.Quarantined++
			return false
		}
		counts.Duplicates++
		return true
	}
	m.known[id] = first{content, Place{batch, r.file.name, r.line}, m.day}
	m.events = append(m.events, accepted{row, len(m.Batches) + 1, r.file.name, r.line})
	counts.Accepted++
	m.total(row, counts)
	return true
}

// remembers reports whether an id still counts. The clock goes on by seconds with every look, so that what is as many days
// old as the window is long lies outside.
func (m *Model) remembers(f first) bool { return m.stream.Dedupe == 0 || m.day-f.day < m.stream.Dedupe }

// compute adds the computed columns; false is a row that overflows one, or lacks a required one.
func (m *Model) compute(row Row) bool {
	for _, c := range m.stream.Columns {
		if c.Is == nil {
			continue
		}
		v := c.Is.Of(row)
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

// Trace lists the batch, file and row of each event that is in a key's artifact, in any order.
func (m *Model) Trace(key string) []Place {
	var places []Place
	for _, e := range m.events {
		if e.batch <= m.published && m.keyJSON(e.Row) == key {
			places = append(places, Place{e.batch, e.file, e.line})
		}
	}
	return places
}

func contentOf(row Row) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(row)) {
		fmt.Fprintf(&b, "%s=%s;", name, row[name].canonical())
	}
	return b.String()
}

func (m *Model) identify(r record, row Row, content string) string {
	switch m.stream.ID[0] {
	case "_row":
		return fmt.Sprintf("%p %d", r.file, r.line)
	case "_content":
		r.file.occurrences[content]++
		return fmt.Sprint(r.file.occurrences[content], content)
	}
	id := ""
	for _, name := range m.stream.ID {
		id += row[name].canonical() + ";"
	}
	return id
}

func (m *Model) total(row Row, counts *Counts) {
	for _, t := range m.stream.Totals {
		if t.Where != nil && !t.Where.Holds(row) {
			continue
		}
		group := ""
		if t.By != "" {
			group = row[t.By].plain(m.stream.Column(t.By).Type)
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

// Quarantined lists the rows in quarantine, in their order.
func (m *Model) Quarantined() []Held {
	var list []Held
	for _, r := range slices.Concat(m.quarantine...) {
		list = append(list, Held{r.file.name, r.line, r.text, r.conflict})
	}
	return list
}
