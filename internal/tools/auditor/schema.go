// The model's view of a project, and its YAML files.

package auditor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Row is values by column name: an event's, or an artifact's.
type Row map[string]Value

// Formula is an expression in SQL and the same expression in Go.
type Formula struct {
	SQL  string
	Uses []string // columns
	Type func(types map[string]Type) Type
	Eval func(Row) Value
}

// Condition is a `where` in SQL, and when it holds; unknown is false.
type Condition struct {
	SQL     string
	Uses    []string // columns
	Matches func(Row) bool
}

// Column is a column of a stream. From is its path in JSON, or its header in CSV; a computed column has Is.
type Column struct {
	Name     string
	Type     Type
	Optional bool
	In       []string
	From     []string
	Is       *Formula
	Format   *Format // of dates
	Comma    bool    // decimals are written 1.234,56
	Zone     string  // of timestamps without one
}

// Format is how dates are written: in the words of a stream file, and in those of the standard library.
type Format struct{ Pattern, Layout string }

// Total is a control total.
type Total struct {
	Name, Sum, By string
	Where         *Condition
}

// StreamColumn names the stream of an event that a pipeline folds.
const StreamColumn = "stream"

// ReceivedColumn orders the versions of an event by their receipt.
const ReceivedColumn = "_received"

// Stream is a stream. Delimiter is 0 for JSON lines.
type Stream struct {
	Name      string
	Delimiter byte
	NoHeader  bool     // CSV without a header
	ID        []string // columns, or one of _row and _content
	Dedupe    int      // days that an id counts; 0 is for ever
	Versions  bool     // an id with other values is a version, not a conflict
	Columns   []Column
	Totals    []Total
}

// Fold is one artifact column.
type Fold struct {
	Name      string
	Kind      string // as pipeline files name it
	Expr      *Formula
	Items, By []string
	Keep      int
	Where     *Condition
}

// Conserve binds a total to an artifact expression.
type Conserve struct{ Total, SQL string }

// Pipeline is a pipeline over streams.
type Pipeline struct {
	Name       string
	From       []string
	Listed     bool                // `from` is a list, so that events have a column `stream`
	Key        []string            // as artifacts name it
	Keys       map[string][]string // each stream's own key columns and expressions; nil where all have Key
	Named      bool                // the key's columns are given their names
	Folds      []Fold
	Conserve   []Conserve
	MaxBatches int // 0 is undeclared
	Partitions int // 0 is undeclared
	MaxEvents  int
}

// KeyOf is a stream's key columns.
func (p *Pipeline) KeyOf(stream string) []string {
	if p.Keys != nil {
		return p.Keys[stream]
	}
	return p.Key
}

// Column finds a column.
func (s *Stream) Column(name string) *Column {
	i := slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Columns[i]
}

func (s *Stream) has(columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool { return s.Column(name) == nil })
}

// Derived reports whether events have no id of their own.
func (s *Stream) Derived() bool { return strings.HasPrefix(s.ID[0], "_") }

// Orders reports whether ids identify all events, together with receipts if versions are kept.
func (s *Stream) Orders() bool { return !s.Derived() && (s.Dedupe == 0 || s.Versions) }

// clone is a copy whose columns can be changed.
func (s *Stream) clone() *Stream {
	other := *s
	other.Columns = slices.Clone(s.Columns)
	return &other
}

// entries is a YAML mapping on one line, in the order of its pairs; an empty value is left out.
func entries(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			list = append(list, pairs[i]+": "+pairs[i+1])
		}
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// quoted is a text in quotes, and nothing for nothing.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return quote(s)
}

func list(names []string) string {
	if names == nil {
		return ""
	}
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = quote(n)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

func (w *Condition) yaml() string {
	if w == nil {
		return ""
	}
	return quote(w.SQL)
}

func (f *Formula) yaml() string {
	if f == nil {
		return ""
	}
	return quote(f.SQL)
}

func (c *Column) yaml(bare bool) string {
	optional, from, format, decimal, group := "", quoted(strings.Join(c.From, ".")), "", "", ""
	if c.Optional {
		optional = "true"
	}
	if bare {
		from = ""
	}
	if c.Format != nil {
		format = quote(c.Format.Pattern)
	}
	if c.Comma {
		decimal, group = `","`, `"."`
	}
	return entries("type", quote(c.Type.String()), "optional", optional, "in", list(c.In), "from", from, "is", c.Is.yaml(),
		"format", format, "decimal", decimal, "group", group, "zone", c.Zone)
}

// YAML is the stream's file.
func (s *Stream) YAML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "stream: %s\nformat: ", s.Name)
	if s.Delimiter == 0 {
		b.WriteString("jsonl\n")
	} else {
		fmt.Fprintf(&b, "csv\ncsv: {delimiter: %s, header: %v}\n", quote(string(s.Delimiter)), !s.NoHeader)
	}
	fmt.Fprintf(&b, "id: %s\ncolumns:\n", list(s.ID))
	for _, c := range s.Columns {
		fmt.Fprintf(&b, "  %s: %s\n", c.Name, c.yaml(s.NoHeader))
	}
	if len(s.Totals) > 0 {
		b.WriteString("totals:\n")
	}
	for _, t := range s.Totals {
		fmt.Fprintf(&b, "  %s: %s\n", t.Name, entries("sum", t.Sum, "by", t.By, "where", t.Where.yaml()))
	}
	if s.Dedupe > 0 {
		fmt.Fprintf(&b, "dedupe: %dd\n", s.Dedupe)
	}
	if s.Versions {
		b.WriteString("versions: keep\n")
	}
	return b.String()
}

// YAML is the pipeline's file.
func (p *Pipeline) YAML() string {
	var b strings.Builder
	from, key := p.From[0], list(p.Key)
	if p.Listed {
		from = list(p.From)
	}
	if p.Keys != nil {
		var pairs []string
		for _, name := range p.From {
			pairs = append(pairs, name, p.keyList(name))
		}
		key = entries(pairs...)
		if p.Named && len(p.From) == 1 {
			key = p.keyList(p.From[0])
		}
	}
	fmt.Fprintf(&b, "pipeline: %s\nfrom: %s\nkey: %s\nartifact:\n", p.Name, from, key)
	for _, f := range p.Folds {
		of, keep, mixed := f.Expr.yaml(), "", ""
		switch f.Kind {
		case "sum":
			mixed = "ok" // totals are declared by any column, whatever the key is
		case "count":
			of = "true"
		case "list":
			of = list(f.Items)
		}
		if f.Keep > 0 {
			keep = fmt.Sprint(f.Keep)
		}
		fmt.Fprintf(&b, "  %s: %s\n", f.Name, entries(f.Kind, of, "by", list(f.By), "keep", keep, "where", f.Where.yaml(), "mixed", mixed))
	}
	if len(p.Conserve) > 0 {
		b.WriteString("conserve:\n")
	}
	for _, c := range p.Conserve {
		fmt.Fprintf(&b, "  %s: %s\n", c.Total, quote(c.SQL))
	}
	if p.Partitions > 0 {
		fmt.Fprintf(&b, "partitions: %d\n", p.Partitions)
	}
	if p.MaxBatches > 0 {
		fmt.Fprintf(&b, "backlog: {max_batches: %d, max_events: %d}\n", p.MaxBatches, p.MaxEvents)
	}
	return b.String()
}

// Write makes a project folder, or changes its declarations.
func Write(dir string, streams []*Stream, p *Pipeline) error {
	files := map[string]string{"bursar.yaml": "", "pipelines/" + p.Name + ".yaml": p.YAML()}
	for _, s := range streams {
		files["streams/"+s.Name+".yaml"] = s.YAML()
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
