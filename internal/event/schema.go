package event

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/ianaindex"

	"bursar/internal/catalog"
	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// Definition is a column's definition as the catalog and batches remember it.
type Definition struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	In       []string `json:"in,omitempty"`
	Optional bool     `json:"optional,omitempty"`
	Is       string   `json:"is,omitempty"`
	Origin   bool     `json:"origin,omitempty"`

	Reading
}

// Reading is how a column is read, as far as it is not the default.
type Reading struct {
	From    string `json:"from,omitempty"`
	Format  string `json:"format,omitempty"`
	Zone    string `json:"zone,omitempty"`
	Decimal string `json:"decimal,omitempty"`
	Group   string `json:"group,omitempty"`

	Position int `json:"position,omitempty"` // of its field in CSV without a header, from 1
}

// declaration is what the catalog remembers of a stream besides its columns: what makes an event unique, and how files are read.
type declaration struct {
	ID        []string `json:"id"`
	Format    string   `json:"format"`
	Delimiter string   `json:"delimiter,omitempty"` // of CSV
	Headless  bool     `json:"headless,omitempty"`  // CSV without a header
	Encoding  string   `json:"encoding,omitempty"`  // of files without a mark; empty is UTF-8
	Versions  bool     `json:"versions,omitempty"`  // an id may come with several contents
}

func (d Definition) String() string {
	parts := []string{"type: " + d.Type}
	if d.In != nil {
		parts = append(parts, "in: ["+strings.Join(d.In, ", ")+"]")
	}
	if d.Optional {
		parts = append(parts, "optional: true")
	}
	if d.Origin {
		parts = append(parts, "origin: true")
	}
	for _, p := range [][2]string{
		{"from", d.From}, {"format", d.Format}, {"zone", d.Zone}, {"decimal", d.Decimal}, {"group", d.Group}, {"is", d.Is},
	} {
		switch {
		case p[1] == "":
		case p[0] == "from" || p[0] == "zone":
			parts = append(parts, p[0]+": "+p[1])
		default:
			parts = append(parts, fmt.Sprintf("%s: %q", p[0], p[1]))
		}
	}
	if d.Position > 0 {
		parts = append(parts, fmt.Sprintf("position: %d", d.Position))
	}
	return d.Name + ": {" + strings.Join(parts, ", ") + "}"
}

func (d declaration) String() string {
	parts := []string{"format: " + d.Format}
	if d.Delimiter != "" {
		parts = append(parts, fmt.Sprintf("csv: {delimiter: %q, header: %t}", d.Delimiter, !d.Headless))
	}
	if d.Encoding != "" {
		parts = append(parts, "encoding: "+d.Encoding)
	}
	return strings.Join(append(parts, "id: ["+strings.Join(d.ID, ", ")+"]"), ", ")
}

// definitions are the stream's columns in the order that digests are made in.
func definitions(s *project.Stream, stored []Definition) []Definition {
	list, position := make([]Definition, len(s.Columns)), positions(s)
	for n, i := range columnOrder(s, stored) {
		list[n] = definition(&s.Columns[i])
		list[n].Position = position[i]
	}
	return list
}

func definition(c *project.Column) Definition {
	d := Definition{Name: c.Name, Type: c.Type.String(), In: c.In, Optional: c.Optional, Is: c.Is, Origin: c.Origin}
	if d.From = strings.Join(c.From, "."); d.From == c.Name {
		d.From = ""
	}
	d.Format = c.Format
	if c.Zone != nil && c.Zone != time.UTC {
		d.Zone = c.Zone.String()
	}
	if c.Decimal != 0 && c.Decimal != '.' {
		d.Decimal = string(rune(c.Decimal))
	}
	if c.Group != 0 {
		d.Group = string(rune(c.Group))
	}
	return d
}

func declarationOf(s *project.Stream) *declaration {
	d := &declaration{ID: s.ID, Format: string(s.Format), Versions: s.Versions}
	if s.Format == project.CSVText {
		d.Delimiter, d.Headless = ",", !s.CSV.Header
		if s.CSV.Delimiter != 0 {
			d.Delimiter = string(rune(s.CSV.Delimiter))
		}
	}
	if s.Encoding != nil {
		d.Encoding, _ = ianaindex.IANA.Name(s.Encoding) // it was found by a name
	}
	return d
}

// grows reports whether a declaration is as another was. An encoding may be declared later: what is not UTF-8 went to quarantine before.
func (d *declaration) grows(old *declaration) bool {
	now := *d
	if old.Encoding == "" {
		now.Encoding = ""
	}
	return now.String() == old.String()
}

// CheckGrowth refuses a declaration that is not one that the stream's events were taken in by, grown. Class Data.
func CheckGrowth(ctx context.Context, c catalog.Catalog, s *project.Stream) error {
	return c.View(ctx, func(tx catalog.Tx) error { return CheckGrowthIn(tx, s) })
}

// CheckGrowthIn is CheckGrowth within a transaction.
func CheckGrowthIn(tx catalog.Tx, s *project.Stream) error {
	var state streamState
	if _, err := tx.Get(streamKey(s.Name), &state); err != nil {
		return fmt.Errorf("read state of stream %s: %w", s.Name, err)
	}
	if err := checkGrowth(s, &state); err != nil {
		return err
	}
	return checkNew(tx, s, &state)
}

// CheckGrowth refuses a declaration that is not the one that the batch was sealed by, grown: its objects cannot be read by that.
func (b *Batch) CheckGrowth(s *project.Stream) error {
	return checkGrowth(s, &streamState{Columns: b.Columns, Declared: b.Declared})
}

// GrowthError says that a stream is declared in a way that its events were not taken in by. Class Data.
type GrowthError struct{ text string }

func (e *GrowthError) Error() string { return e.text }

// Class is Data: it stays so until the declaration is put back.
func (e *GrowthError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7): the configuration is at fault.
func (e *GrowthError) ExitCode() int { return 2 }

// checkGrowth refuses every change of a schema but growth (DESIGN §2): new optional columns, required → optional,
// wider types, more `in:` values. What makes an event unique, and how a value is read, never changes: the same event would
// count again, or the same text mean something else. Versions may be kept from some time on, and then for ever. A state that was
// written before these were remembered says nothing of them.
func checkGrowth(s *project.Stream, state *streamState) error {
	if len(state.Columns) == 0 { // the stream has taken nothing in yet
		return nil
	}
	if old, now := state.Declared, declarationOf(s); old != nil && !now.grows(old) {
		return &GrowthError{fmt.Sprintf("stream %s holds events that were taken in as {%s}; %s:%d declares {%s}: %s", s.Name, old, s.File, s.Line, now, onlyGrows)}
	}
	if old := state.Declared; old != nil && old.Versions && !s.Versions {
		return &GrowthError{fmt.Sprintf("stream %s has versions of events, which were taken in with `versions: keep`, and %s:%d does not declare that: "+
			"put it back, or declare a new stream", s.Name, s.File, s.Line)}
	}
	stored := storedColumns(state)
	now := definitions(s, stored) // each remembered one has its place, up to the first that is gone
	for i, old := range stored {
		c := s.Column(old.Name)
		if c == nil {
			return growthError(s, old, "it is gone")
		}
		old.Is = s.Instants(old.Is) // which earlier versions computed of local times
		if what := shrinks(old, now[i], c.Type, state.Declared != nil); what != "" {
			return growthError(s, old, what+": "+now[i].String())
		}
	}
	for _, d := range now[len(stored):] {
		if !d.Optional && d.Is == "" { // computed ones are checkNew's
			return &GrowthError{fmt.Sprintf("stream %s: new column %s must be optional, as earlier events do not have it: %s", s.Name, d.Name, onlyGrows)}
		}
	}
	return nil
}

// checkNew refuses new columns that events which the stream holds should have: a computed one, and any where events are known by their
// content and earlier files had values that were left out, as the same row may come again with one, and would count twice (rule 1).
// Batches that were sealed without such columns are read as ever.
func checkNew(tx catalog.Tx, s *project.Stream, state *streamState) error {
	if len(state.Columns) == 0 {
		return nil
	}
	for i := range s.Columns {
		c := &s.Columns[i]
		if slices.ContainsFunc(state.Columns, func(d Definition) bool { return d.Name == c.Name }) {
			continue
		}
		if c.Is != "" {
			return &GrowthError{fmt.Sprintf("stream %s: new column %s is computed, and the events that the stream holds would not have it: write %q where "+
				"pipelines use the column, or declare a new stream", s.Name, c.Name, c.Is)}
		}
		if s.ID[0] == project.ContentID && !c.Origin {
			if err := checkLeftOut(tx, s, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkLeftOut refuses a column of which files that were taken in may have had values.
func checkLeftOut(tx catalog.Tx, s *project.Stream, c *project.Column) error {
	return tx.List("batch/"+s.Name+"/", func(_ string, value json.RawMessage) error {
		var b Batch
		if err := json.Unmarshal(value, &b); err != nil || b.Extra == 0 {
			return err
		}
		return &GrowthError{fmt.Sprintf("stream %s: new column %s: batch %d left out values of undeclared properties (%d), and a row that comes again with a value of "+
			"this column would count twice, as `id: _content` knows rows by their values: declare a new stream", s.Name, c.Name, b.Batch, b.Extra)}
	})
}

// shrinks says in which way a column has not grown; empty if it has.
func shrinks(old, now Definition, t column.Type, reading bool) string {
	switch {
	case old.Optional && !now.Optional:
		return "it became required"
	case old.Origin != now.Origin:
		return "events would compare otherwise"
	case old.Is != now.Is:
		return "it is computed otherwise"
	case reading && old.Reading != now.Reading:
		return "it is read otherwise"
	case !wider(old.Type, t):
		return "its type is not wider"
	case now.In != nil && (old.In == nil || slices.ContainsFunc(old.In, func(v string) bool { return !slices.Contains(now.In, v) })):
		return "it allows fewer values"
	}
	return ""
}

// onlyGrows is what to do about a change that is no growth.
const onlyGrows = "a schema only grows; declare a new stream for anything else"

func growthError(s *project.Stream, old Definition, what string) error {
	return &GrowthError{fmt.Sprintf("stream %s: column %s was declared as %s; now %s: %s", s.Name, old.Name, old, what, onlyGrows)}
}

// wider reports whether every value of the old type is one of the new.
func wider(old string, t column.Type) bool {
	was, err := column.ParseType(old)
	if err != nil {
		return false
	}
	digits := map[column.Kind]int{column.Int: 10, column.BigInt: 19}
	switch {
	case was.Kind == t.Kind && was.Kind != column.Decimal:
		return true
	case was.Kind == column.Int && t.Kind == column.BigInt:
		return true
	case t.Kind == column.Decimal && was.Kind == column.Decimal:
		return t.Scale >= was.Scale && t.Precision-t.Scale >= was.Precision-was.Scale
	case t.Kind == column.Decimal && digits[was.Kind] > 0:
		return t.Precision-t.Scale >= digits[was.Kind]
	}
	return false
}
