// The kinds of folds: what may be declared beside each, how each is written, and which declared values a pipeline's folds mention.

package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

// FoldForm describes a kind of fold.
type FoldForm struct {
	Kind            FoldKind
	By, Keep, Where bool // the keys that belong to it; By is required
	Mixed           bool
	Example         string // an artifact column
	Means           string
}

// folds lists the kinds of folds in the order in which they are explained.
var folds = []FoldForm{
	{Kind: Count, Where: true, Example: `refunds: {count: true, where: "type = 'refund'"}`, Means: "the number of events; 0 if there are none"},
	{Kind: Sum, Where: true, Mixed: true, Example: `paid: {sum: amount, where: "type = 'payment'"}`, Means: "the sum of a column or expression, with 38 digits; 0 if there is nothing to add up"},
	{Kind: Min, Where: true, Example: `first_at: {min: occurred_at}`, Means: "the least value; null if there is none"},
	{Kind: Max, Where: true, Example: `last_at: {max: occurred_at}`, Means: "the greatest value; null if there is none"},
	{Kind: First, By: true, Where: true, Example: `first_type: {first: type, by: [occurred_at, event_id]}`, Means: "the value of the first event that has one, in the order of `by`; null if none has"},
	{Kind: Last, By: true, Where: true, Example: `last_type: {last: type, by: [occurred_at, event_id]}`, Means: "the value of the last event that has one, in the order of `by`; null if none has"},
	{Kind: ListOf, By: true, Keep: true, Where: true, Example: `lines: {list: [event_id, type, amount], by: occurred_at, keep: 100}`, Means: "one element for each event, in the order of `by`: the `keep` last of them, or all"},
	{Kind: Is, Example: `balance: {is: "shipped - paid"}`, Means: "no fold: SQL over the other columns of the artifact"},
	{Kind: Typed, Example: `most: {type: "decimal(38,2)"}`, Means: "no fold: a column that the pipeline's SQL files make"},
}

// Folds describes the kinds of folds.
func Folds() []FoldForm { return folds }

// foldKind returns the kind of an artifact column, or reports that it has none or several.
func foldKind(o doc.Section) FoldKind {
	var kind FoldKind
	for _, k := range folds {
		switch {
		case !o.Has(string(k.Kind)):
		case kind != "":
			o.Fail(string(k.Kind), "cannot be combined with `%s`: a column is made in one way", kind)
		default:
			kind = k.Kind
		}
	}
	if kind == "" && o.Values != nil && len(o.Misspelt) == 0 {
		o.Src.FailAt(o.Path, "%s has no fold: use one of count, sum, min, max, first, last, list or is (`bursar help folds` explains them); "+
			"type where SQL files make it", o.Title())
	}
	return kind
}

// refuseBeside reports keys that have no effect on this kind of fold, and a missing `by`.
func refuseBeside(o doc.Section, kind FoldKind) {
	for _, k := range folds {
		if k.Kind != kind {
			continue
		}
		if k.By {
			o.Require("by")
		} else if o.Has("by") {
			o.Fail("by", "belongs to first, last and list only")
		}
		if o.Has("keep") && !k.Keep {
			o.Fail("keep", "belongs to list only")
		}
		if o.Has("mixed") && !k.Mixed {
			o.Fail("mixed", "belongs to sum only")
		}
		if o.Has("where") && !k.Where {
			o.Fail("where", "cannot be combined with `%s`: write CASE WHEN in the expression", kind)
		}
	}
}

// Beside lists the keys that may be declared beside a fold.
func (k FoldForm) Beside() string {
	var keys []string
	for _, key := range []struct {
		name    string
		belongs bool
	}{{"by (required)", k.By}, {"keep", k.Keep}, {"where", k.Where}, {"mixed", k.Mixed}} {
		if key.belongs {
			keys = append(keys, key.name)
		}
	}
	return strings.Join(keys, ", ")
}

// maxUnnamed bounds the values that Unnamed returns.
const maxUnnamed = 5

// Unnamed returns the values that `in` declares but no fold mentions, of columns of which the folds mention other values. Each is
// described with its column and the place of its declaration.
func (p *Pipeline) Unnamed(streams []*Stream) (values []string) {
	named := func(value string) bool {
		text := "'" + strings.ReplaceAll(value, "'", "''") + "'"
		return slices.ContainsFunc(p.Artifact, func(f Fold) bool {
			return f.Kind != Is && (strings.Contains(f.Where, text) || strings.Contains(f.Expr, text))
		})
	}
	for _, s := range streams {
		for i := range s.Columns {
			c := &s.Columns[i]
			if !slices.ContainsFunc(c.In, named) {
				continue
			}
			for _, value := range c.In {
				if !named(value) && len(values) < maxUnnamed {
					values = append(values, fmt.Sprintf("%s %s (%s:%d)", c.Name, doc.Brief(value), s.File, c.Line))
				}
			}
		}
	}
	return values
}

// literal matches a text in SQL.
var literal = regexp.MustCompile(`'(?:[^']|'')*'`)

// NamesDeclared reports whether a fold's condition mentions values, and each of them is a stream or declared by `in` of a column: then
// none is misspelt.
func (p *Pipeline) NamesDeclared(f *Fold, streams []*Stream) bool {
	texts := literal.FindAllString(f.Where, -1)
	declared := func(text string) bool {
		value := strings.ReplaceAll(text[1:len(text)-1], "''", "'")
		return slices.ContainsFunc(streams, func(s *Stream) bool {
			return s.Name == value || slices.ContainsFunc(s.Columns, func(c Column) bool { return slices.Contains(c.In, value) })
		})
	}
	return len(texts) > 0 && !slices.ContainsFunc(texts, func(text string) bool { return !declared(text) })
}
