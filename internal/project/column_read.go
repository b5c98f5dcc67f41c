// Reads one column of a stream.

package project

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a declared zone means the same on machines without a zone database

	"bursar/internal/column"
)

var (
	numberKinds = []column.Kind{column.Decimal, column.Int, column.BigInt}
	timeKinds   = []column.Kind{column.Date, column.Timestamp}
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
	{key: "format", kinds: timeKinds},
	{key: "zone", kinds: []column.Kind{column.Timestamp}},
	{key: "decimal", kinds: numberKinds},
	{key: "group", kinds: numberKinds},
}

// readColumn reads a column; its type has kind 0 if it is not declared correctly.
func (s *Stream) readColumn(columns section, name string) Column {
	known := make([]string, len(columnKeys))
	for i, k := range columnKeys {
		known[i] = k.key
	}
	o := columns.sub(name, known...)
	o.require("type")
	c := Column{
		Name: name, Line: columns.src.lines.at(o.path), Type: readType(o),
		From: s.readFrom(o, name), In: o.list("in"), Optional: o.flag("optional", false), Origin: o.flag("origin", false),
		Format: o.text("format"), Zone: readZone(o), Is: o.expression("is"),
		Decimal: o.mark("decimal", '.'), Group: o.mark("group", 0),
	}
	refuseMisplaced(o, c)
	c.Absent = o.has("absent")
	s.checkAbsent(o, &c)
	if c.Group == c.Decimal {
		o.fail("group", "is %s, which is the decimal mark: declare `decimal` too, as another character", brief(string(c.Group)))
	}
	if c.Zone != nil && column.IsEpoch(c.Format) {
		o.fail("zone", "has no effect on an epoch time, which is UTC")
	}
	if c.Format != "" && slices.Contains(timeKinds, c.Type.Kind) {
		o.layout("format", c.Type.Kind)
	}
	return c
}

// checkAbsent reports `absent` where it has no effect: it is about the headers of a file.
func (s *Stream) checkAbsent(o section, c *Column) {
	switch {
	case !c.Absent:
	case o.text("absent") != "ok":
		o.fail("absent", "can only be ok: files may lack the column")
	case s.Format == JSONL, s.Format == CSVText && !s.CSV.Header:
		o.fail("absent", "belongs to parquet files, and csv files with a header")
	case !c.Optional:
		o.fail("absent", "needs `optional: true`: the column is null in the rows of a file that lacks it")
	}
}

func readType(o section) column.Type {
	text := o.text("type")
	if text == "" {
		return column.Type{}
	}
	t, err := column.ParseType(text)
	if err != nil {
		o.src.failAt(o.at("type"), "%v", err)
	}
	return t
}

func readZone(o section) *time.Location {
	name := o.text("zone")
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // Local has another meaning on another machine
		o.fail("zone", "is %s: use a name such as Europe/Prague", brief(name))
		return nil
	}
	return zone
}

// refuseMisplaced reports keys that have no effect on a column of this type.
func refuseMisplaced(o section, c Column) {
	for _, k := range columnKeys {
		switch {
		case !o.has(k.key):
		case o.has("is") && !k.computed:
			o.fail(k.key, "cannot be combined with `is`: the column is computed, not read")
		case k.kinds != nil && c.Type.Kind != 0 && !slices.Contains(k.kinds, c.Type.Kind):
			o.fail(k.key, "belongs to %s columns only; this is %s", kindList(k.kinds), c.Type)
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
