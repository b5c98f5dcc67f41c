// Reads one column of a stream.

package project

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a declared zone means the same on machines without a zone database

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// Kinds of columns that can be added up, and that say when.
var (
	NumberKinds = []column.Kind{column.Decimal, column.Int, column.BigInt}
	TimeKinds   = []column.Kind{column.Date, column.Timestamp}
)

// columnKeys lists the keys of a column with the types that they belong to; computed: the key may be combined with `is`.
var columnKeys = []struct {
	key      string
	kinds    []column.Kind // nil is all
	computed bool
}{
	{key: "type", computed: true},
	{key: "optional", computed: true},
	{key: "absent"},
	{key: "origin"},
	{key: "is", computed: true},
	{key: "from"},
	{key: "in", kinds: []column.Kind{column.String}},
	{key: "format", kinds: TimeKinds},
	{key: "zone", kinds: []column.Kind{column.Timestamp}},
	{key: "decimal", kinds: NumberKinds},
	{key: "group", kinds: NumberKinds},
}

// readColumn reads a column; its type has kind 0 if it is not declared correctly.
func (s *Stream) readColumn(columns doc.Section, name string) Column {
	known := make([]string, len(columnKeys))
	for i, k := range columnKeys {
		known[i] = k.key
	}
	o := columns.Sub(name, known...)
	o.Require("type")
	c := Column{
		Name: name, Line: columns.Src.Lines.At(o.Path), Type: readType(o),
		From: s.readFrom(o, name), In: o.List("in"), Optional: o.Flag("optional", false), Origin: o.Flag("origin", false),
		Format: o.Text("format"), Zone: readZone(o), Is: o.Expression("is"),
		Decimal: o.Mark("decimal", '.'), Group: o.Mark("group", 0),
	}
	refuseMisplaced(o, c)
	c.Absent = o.Has("absent")
	s.checkAbsent(o, &c)
	if c.Group == c.Decimal {
		o.Fail("group", "is %s, which is the decimal mark: declare `decimal` too, as another character", doc.Brief(string(c.Group)))
	}
	if c.Zone != nil && column.IsEpoch(c.Format) {
		o.Fail("zone", "has no effect on an epoch time, which is UTC")
	}
	if c.Format != "" && slices.Contains(TimeKinds, c.Type.Kind) {
		o.Layout("format", c.Type.Kind)
	}
	return c
}

// checkAbsent reports `absent` where it has no effect: it is about the headers of a file.
func (s *Stream) checkAbsent(o doc.Section, c *Column) {
	switch {
	case !c.Absent:
	case o.Text("absent") != "ok":
		o.Fail("absent", "can only be ok: files may lack the column")
	case s.Format == JSONL, s.Format == CSVText && !s.CSV.Header:
		o.Fail("absent", "belongs to parquet files, and csv files with a header")
	case !c.Optional:
		o.Fail("absent", "needs `optional: true`: the column is null in the rows of a file that lacks it")
	}
}

func readType(o doc.Section) column.Type {
	text := o.Text("type")
	if text == "" {
		return column.Type{}
	}
	t, err := column.ParseType(text)
	if err != nil {
		o.Src.FailAt(o.At("type"), "%v", err)
	}
	return t
}

func readZone(o doc.Section) *time.Location {
	name := o.Text("zone")
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // Local has another meaning on another machine
		o.Fail("zone", "is %s: use a name such as Europe/Prague", doc.Brief(name))
		return nil
	}
	return zone
}

// refuseMisplaced reports keys that have no effect on a column of this type.
func refuseMisplaced(o doc.Section, c Column) {
	for _, k := range columnKeys {
		switch {
		case !o.Has(k.key):
		case o.Has("is") && !k.computed:
			o.Fail(k.key, "cannot be combined with `is`: the column is computed, not read")
		case k.kinds != nil && c.Type.Kind != 0 && !slices.Contains(k.kinds, c.Type.Kind):
			o.Fail(k.key, "belongs to %s columns only; this is %s", kindList(k.kinds), c.Type)
		}
	}
}

func kindList(kinds []column.Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i], _, _ = strings.Cut(column.Type{Kind: k}.String(), "(")
	}
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
