// What messages mean: records are collected by stream and delivered in chunks, all of them before a state.

package singer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"bursar/internal/aggregate/connector"
)

const (
	// chunkRecords and chunkBytes bound what is delivered at once, but for a record that is longer.
	chunkRecords = 1000
	chunkBytes   = 1 << 20
	// maxCollected bounds the records of all streams that are not delivered yet, in bytes.
	maxCollected = 8 << 20
	// maxStreams bounds the streams of a program.
	maxStreams = 10_000
	// maxState bounds a state, in bytes: it is kept for each account, and passed on at every fetch.
	maxState = 1 << 20
	// maxName bounds what an error contains of a name or a key.
	maxName = 100
)

// stream is a stream whose schema was printed.
type stream struct {
	name    string
	keys    string // for messages
	lines   []byte
	records int
}

// receiver delivers what messages contain.
type receiver struct {
	ctx      context.Context //nolint:containedctx // of the fetch for which it is made
	delivery connector.Delivery
	report   func(done, total int)

	streams   map[string]*stream
	waiting   []*stream // have records that are not delivered, in the order of their first one
	collected int       // their bytes

	records, states, ignored int
}

func newReceiver(ctx context.Context, r connector.Request, d connector.Delivery) *receiver {
	report := r.Progress
	if report == nil {
		report = func(int, int) {}
	}
	return &receiver{ctx: ctx, delivery: d, report: report, streams: map[string]*stream{}}
}

// progress says for messages how far the program came.
func (r *receiver) progress() string {
	text := fmt.Sprintf("after %d records of %d streams and %d states", r.records, len(r.streams), r.states)
	if r.ignored > 0 {
		text += fmt.Sprintf(" (%d ACTIVATE_VERSION messages were ignored)", r.ignored)
	}
	return text
}

// receive takes one line of standard output.
func (r *receiver) receive(number int, line []byte) error {
	fields, err := fieldsOf(line)
	if err != nil {
		return badf("line %d of its standard output %w", number, err)
	}
	switch kind := text(fields["type"]); kind {
	case "RECORD":
		err = r.record(fields)
	case "STATE":
		err = r.state(fields["value"])
	case "SCHEMA":
		err = r.schema(fields)
	case "ACTIVATE_VERSION":
		r.ignored++ // versions say which rows a target may delete; events are never deleted
	case "BATCH":
		err = badf("the stream %s is sent as files (BATCH), which are not supported; remove batch_config from the program's configuration", shown(text(fields["stream"])))
	default:
		err = badf("a message has the type %s; expected SCHEMA, RECORD, STATE or ACTIVATE_VERSION", shown(kind))
	}
	if err != nil {
		return fmt.Errorf("line %d of its standard output: %w", number, err)
	}
	return nil
}

func (r *receiver) schema(fields map[string]json.RawMessage) error {
	name := text(fields["stream"])
	var keys []string
	switch {
	case name == "":
		return badf("a SCHEMA message names no stream")
	case !isObject(fields["schema"]):
		return badf("the schema of the stream %s is not an object", shown(name))
	case fields["key_properties"] != nil && json.Unmarshal(fields["key_properties"], &keys) != nil:
		return badf("key_properties of the stream %s is not a list of names", shown(name))
	}
	s := r.streams[name]
	if s == nil {
		if len(r.streams) == maxStreams {
			return badf("there are more than %d streams", maxStreams)
		}
		s = &stream{name: name}
		r.streams[name] = s
	}
	s.keys = shown(strings.Join(keys, ", "))
	return nil
}

func (r *receiver) record(fields map[string]json.RawMessage) error {
	name, record := text(fields["stream"]), fields["record"]
	s := r.streams[name]
	if s == nil {
		return badf("a record of the stream %s comes before its SCHEMA message", shown(name))
	}
	if !isObject(record) {
		return badf("a record of %s is not an object", s)
	}
	size := len(record) + 1
	if s.records == chunkRecords || s.records > 0 && len(s.lines)+size > chunkBytes {
		if err := r.deliver(s); err != nil {
			return err
		}
	}
	if s.records == 0 {
		r.waiting = append(r.waiting, s)
	}
	s.lines = append(append(s.lines, record...), '\n')
	s.records++
	r.collected += size
	r.records++
	if r.collected > maxCollected {
		return r.flush()
	}
	return nil
}

func (r *receiver) state(value json.RawMessage) error {
	switch {
	case value == nil:
		return badf("a STATE message has no value")
	case len(value) > maxState:
		return badf("a state has more than %d bytes", maxState)
	}
	if err := r.flush(); err != nil {
		return err
	}
	if err := r.delivery.State(r.ctx, slices.Clone(value)); err != nil {
		return fmt.Errorf("deliver a state: %w", err)
	}
	r.states++
	return nil
}

// flush delivers all records that were received.
func (r *receiver) flush() error {
	for len(r.waiting) > 0 {
		if err := r.deliver(r.waiting[0]); err != nil {
			return err
		}
	}
	return nil
}

// deliver delivers the records of a stream. Those who receive them may keep the bytes.
func (r *receiver) deliver(s *stream) error {
	if err := r.delivery.Records(r.ctx, s.name, s.lines); err != nil {
		return fmt.Errorf("deliver records of %s: %w", s, err)
	}
	r.collected -= len(s.lines)
	r.waiting = slices.DeleteFunc(r.waiting, func(other *stream) bool { return other == s })
	s.lines, s.records = nil, 0
	r.report(r.records, 0)
	return nil
}

// String names the stream for messages.
func (s *stream) String() string {
	if s.keys == `""` {
		return "the stream " + shown(s.name)
	}
	return fmt.Sprintf("the stream %s (key %s)", shown(s.name), s.keys)
}

// text returns a JSON string, and nothing for another value.
func text(value json.RawMessage) (s string) {
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}

func isObject(value json.RawMessage) bool { return len(value) > 0 && value[0] == '{' }

// shown returns a text of the program for messages, quoted and bounded.
func shown(s string) string {
	if len(s) > maxName {
		s = s[:maxName]
		for !utf8.ValidString(s) && len(s) > maxName-utf8.UTFMax {
			s = s[:len(s)-1]
		}
		s += "…"
	}
	return fmt.Sprintf("%q", s)
}
