// Which declared values the folds of a pipeline mention: a text in a fold's SQL mentions a value.

package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bursar/internal/project/doc"
)

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
