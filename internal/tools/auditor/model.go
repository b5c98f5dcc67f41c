// Package auditor compares Bursar with a naive model: seeded projects, files and sequences of commands, and their expected
// results. It owns the workloads and the model. The case of a seed is the same on every machine, as long as the generator is
// not changed. The model implements DESIGN §6 and §7 independently of the product: it parses with the standard library,
// computes in rationals, and must not import a package of the product, or both could have the same fault. Cases include
// store faults, late attempts and damage to stored files: each must end in an error that names the remedy, or in the result
// of the model.
package auditor

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/big"
	"strings"
)

// File is one file to ingest. Its name only shows whether it is compressed.
type File struct {
	Name string
	Text string
	Zip  bool
}

// Bytes returns the content of the file as it is ingested.
func (f File) Bytes() []byte {
	if !f.Zip {
		return []byte(f.Text)
	}
	var b bytes.Buffer
	out := gzip.NewWriter(&b)
	if _, err := out.Write([]byte(f.Text)); err != nil || out.Close() != nil {
		panic("writes to a buffer do not fail")
	}
	return b.Bytes()
}

// Counts is the expected result of one ingest or retry.
type Counts struct {
	Rows, Accepted, Quarantined, Duplicates int64
	Totals                                  map[string]map[string]*big.Rat // by name and group
	Sealed                                  bool
}

// Model is the expected content of streams and their pipeline.
type Model struct {
	pipeline *Pipeline
	intakes  map[string]*ingested // by stream
	types    map[string]Type      // of the columns that are folded

	events    []acceptedEvent
	day       int     // of the clock
	published int     // number of sealed batches that are in artifacts
	Sealed    []Batch // of all streams, in the order of sealing

	retracted []Retraction // retractions in force
}

// Batch is a sealed batch: the Number-th of its stream.
type Batch struct {
	Stream string
	Number int
	Counts
}

// Place is where an event was read. In a conflict, Batch is 0 if a retry moved the event from quarantine to its batch.
type Place struct {
	Stream string
	Batch  int
	File   string
	Row    int
}

// QuarantinedRow is one row in quarantine, whole. First is the event that it is in conflict with, if it is.
type QuarantinedRow struct {
	File  string
	Row   int
	Text  string
	First *Place
}

// NewModel returns the model of a new project.
func NewModel(streams []*Stream, p *Pipeline) *Model {
	m := &Model{pipeline: p, intakes: map[string]*ingested{}, types: typesOf(streams)}
	for _, s := range streams {
		m.intakes[s.Name] = &ingested{stream: s, files: map[string]*ingestedFile{}, known: map[string][]idEntry{}, retries: map[int]bool{}}
	}
	return m
}

// Grow changes a stream's declaration.
func (m *Model) Grow(s *Stream) {
	in := m.intakes[s.Name]
	if s.Versions && !in.stream.Versions {
		m.keepVersions(in)
	}
	in.stream = s
	var streams []*Stream
	for _, in := range m.intakes {
		streams = append(streams, in.stream)
	}
	m.types = typesOf(streams)
}

// Wait lets days pass.
func (m *Model) Wait(days int) { m.day += days }

// Publish puts the events of all batches up to one into artifacts. It is given by its place among the sealed ones, from 1.
func (m *Model) Publish(at int) { m.published = at }

// Keys returns the keys of the events of a batch.
func (m *Model) Keys(at int) map[string]bool {
	keys, types := map[string]bool{}, m.keyTypes()
	for _, e := range m.events {
		if e.seal == at && e.key != nil && !m.isRetracted(&e) {
			keys[keyJSON(e.key, types)] = true
		}
	}
	return keys
}

// Trace lists the batch, file and row of each event that is in a key's artifact, in any order.
func (m *Model) Trace(key string) []Place {
	var places []Place
	types := m.keyTypes()
	for _, e := range m.events {
		if e.seal <= m.published && e.key != nil && !m.isRetracted(&e) && keyJSON(e.key, types) == key {
			places = append(places, e.Place)
		}
	}
	return places
}

// Unkeyed lists where each published event without a key was read, in any order, and sums such events by stream.
func (m *Model) Unkeyed() (places []Place, streams map[string]*Counts) {
	streams = map[string]*Counts{}
	for _, e := range m.events {
		if e.seal > m.published || e.key != nil || m.isRetracted(&e) {
			continue
		}
		in := m.intakes[e.Stream]
		if streams[e.Stream] == nil {
			counts := in.counts()
			streams[e.Stream] = &counts
		}
		streams[e.Stream].Accepted++
		in.total(e.Row, streams[e.Stream])
		places = append(places, e.Place)
	}
	return places, streams
}

// Quarantined lists the rows in a stream's quarantine, in order.
func (m *Model) Quarantined(stream string) []QuarantinedRow {
	var list []QuarantinedRow
	for _, r := range m.quarantined(m.intakes[stream]) {
		list = append(list, QuarantinedRow{r.file.name, r.line, r.text, r.conflict})
	}
	return list
}

// Difference is the first line in which two texts differ.
func Difference(got, want string) string {
	a, b := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("line %d is missing: %s", i+1, b[i])
		case i >= len(b):
			return fmt.Sprintf("line %d is too many: %s", i+1, a[i])
		case a[i] != b[i]:
			return fmt.Sprintf("line %d is\n%swant\n%s", i+1, a[i], b[i])
		}
	}
	return ""
}
