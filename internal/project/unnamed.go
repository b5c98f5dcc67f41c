// Values that a stream declares and no fold of a pipeline names.

package project

import (
	"fmt"
	"slices"
	"strings"
)

// shownUnnamed is how many values Unnamed names at most.
const shownUnnamed = 5

// Unnamed are the values that `in` declares of a column of which the pipeline's folds name others, each with its column and
// the place of its declaration. A fold names a value by a text in its SQL.
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
				if !named(value) && len(values) < shownUnnamed {
					values = append(values, fmt.Sprintf("%s %s (%s:%d)", c.Name, brief(value), s.File, c.Line))
				}
			}
		}
	}
	return values
}
