// The schema that a stream's events were ingested by, and the rule that it only grows.

package event

import (
	"context"
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

// Definition is a column's definition as stored in the catalog and in batches.
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

	Position int `json:"position,omitempty"` // of the column's field in CSV without a header, from 1
}

// declaration is what the catalog stores of a stream besides its columns: what identifies events, and how files are read.
type declaration struct {
	ID        []string `json:"id"`
	Format    string   `json:"format"`
	Delimiter string   `json:"delimiter,omitempty"` // of CSV
	Headless  bool     `json:"headless,omitempty"`  // CSV without a header
	Encoding  string   `json:"encoding,omitempty"`  // of files without a byte order mark; empty is UTF-8
	Versions  bool     `json:"versions,omitempty"`  // several contents per id are allowed
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

// definitions returns the stream's columns in the order of digests.
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
		d.Encoding, _ = ianaindex.IANA.Name(s.Encoding) // the encoding was found by a name
	}
	return d
}

// grows reports whether a declaration only grows from another. An encoding may be added: until then rows that are not UTF-8 were quarantined.
func (d *declaration) grows(old *declaration) bool {
	now := *d
	if old.Encoding == "" {
		now.Encoding = ""
	}
	return now.String() == old.String()
}

// CheckGrowth refuses a declaration that the stream's schema did not grow to. Class Data.
func CheckGrowth(ctx context.Context, c catalog.Catalog, s *project.Stream) error {
	return c.View(ctx, func(tx catalog.Tx) error { return CheckGrowthIn(tx, s) })
}

// CheckGrowthIn is CheckGrowth within a transaction.
func CheckGrowthIn(tx catalog.Tx, s *project.Stream) error {
	state, err := GetState(tx, s.Name)
	if err != nil {
		return fmt.Errorf("read state of stream %s: %w", s.Name, err)
	}
	if err := state.CheckGrowth(s); err != nil {
		return err
	}
	return checkNew(tx, s, &state)
}

// CheckGrowth refuses a declaration that the batch's schema did not grow to: it cannot be used to read the batch's objects.
func (b *Batch) CheckGrowth(s *project.Stream) error {
	return (&StreamState{Columns: b.Columns, Declared: b.Declared}).CheckGrowth(s)
}

// GrowthError says that a stream's declaration does not match the schema of its events. Class Data.
type GrowthError struct{ text string }

func (e *GrowthError) Error() string { return e.text }

// Class is Data: it remains until the declaration is restored.
func (e *GrowthError) Class() failure.Class { return failure.Data }

// ExitCode is 2 (DESIGN §7): the configuration is at fault.
func (e *GrowthError) ExitCode() int { return 2 }

// CheckGrowth refuses every schema change except growth (DESIGN §2): new optional columns, required → optional, wider types, more `in:` values. What
// identifies an event and how a value is read never changes: the same event would count again, or the same text mean something else.
// `versions: keep` may be added, but not removed. A state written before these were stored does not restrict them.
func (state *StreamState) CheckGrowth(s *project.Stream) error {
	if len(state.Columns) == 0 { // nothing was ingested yet
		return nil
	}
	if old, now := state.Declared, declarationOf(s); old != nil && !now.grows(old) {
		return &GrowthError{fmt.Sprintf("stream %s contains events that were ingested as {%s}; %s:%d declares {%s}: %s", s.Name, old, s.File, s.Line, now, onlyGrows)}
	}
	if old := state.Declared; old != nil && old.Versions && !s.Versions {
		return &GrowthError{fmt.Sprintf("stream %s contains versions of events, ingested with `versions: keep`, but %s:%d does not declare that: "+
			"restore it, or declare a new stream", s.Name, s.File, s.Line)}
	}
	stored := storedColumns(state)
	now := definitions(s, stored) // stored columns come first, in order, up to the first that is missing
	for i, old := range stored {
		c := s.Column(old.Name)
		if c == nil {
			return growthError(s, old, "it is missing")
		}
		old.Is = s.Instants(old.Is) // earlier versions computed it from local times
		if what := shrinks(old, now[i], c.Type, state.Declared != nil); what != "" {
			return growthError(s, old, what+": "+now[i].String())
		}
	}
	for _, d := range now[len(stored):] {
		if !d.Optional && d.Is == "" { // checkNew checks computed ones
			return &GrowthError{fmt.Sprintf("stream %s: new column %s must be optional, as earlier events do not have it: %s", s.Name, d.Name, onlyGrows)}
		}
	}
	return nil
}

// checkNew refuses new columns for which existing events should have values: computed columns; and, if rows are identified by their
// content, any column that earlier files may have had values for, since the same row may come again with a value and count twice (rule 1).
// Batches that were sealed without such columns are still readable.
func checkNew(tx catalog.Tx, s *project.Stream, state *StreamState) error {
	if len(state.Columns) == 0 {
		return nil
	}
	for i := range s.Columns {
		c := &s.Columns[i]
		if slices.ContainsFunc(state.Columns, func(d Definition) bool { return d.Name == c.Name }) {
			continue
		}
		if c.Is != "" {
			return &GrowthError{fmt.Sprintf("stream %s: new column %s is computed, and the existing events would not have it: write %q where "+
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

// checkLeftOut refuses a column that ingested files may have had values for.
func checkLeftOut(tx catalog.Tx, s *project.Stream, c *project.Column) error {
	for b, err := range catalog.Documents[Batch](tx, batchKind.prefix(s.Name), "") {
		switch {
		case err != nil:
			return err
		case b.Extra > 0:
			return &GrowthError{fmt.Sprintf("stream %s: new column %s: batch %d contains rows with undeclared properties (%d values), and a row that comes again with a value of "+
				"this column would count twice, because `id: _content` identifies rows by their values: declare a new stream", s.Name, c.Name, b.Batch, b.Extra)}
		}
	}
	return nil
}

// shrinks says how a column violates growth; empty if it does not.
func shrinks(old, now Definition, t column.Type, reading bool) string {
	switch {
	case old.Optional && !now.Optional:
		return "it became required"
	case old.Origin != now.Origin:
		return "events would be compared differently"
	case old.Is != now.Is:
		return "it is computed differently"
	case reading && old.Reading != now.Reading:
		return "it is read differently"
	case !wider(old.Type, t):
		return "its type is not wider"
	case now.In != nil && (old.In == nil || slices.ContainsFunc(old.In, func(v string) bool { return !slices.Contains(now.In, v) })):
		return "it allows fewer values"
	}
	return ""
}

// onlyGrows says what to do about a change that is not growth.
const onlyGrows = "a schema only grows; declare a new stream for anything else"

func growthError(s *project.Stream, old Definition, what string) error {
	return &GrowthError{fmt.Sprintf("stream %s: column %s was declared as %s; now %s: %s", s.Name, old.Name, old, what, onlyGrows)}
}

// wider reports whether every value of the old type is valid in the new type.
func wider(old string, t column.Type) bool {
	was, err := column.ParseType(old)
	if err != nil {
		return false
	}
	both, ok := column.Widen(was, t)
	return ok && both.String() == t.String()
}
