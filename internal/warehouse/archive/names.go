// The tables and views that a statement may read.

package archive

import (
	"context"
	"regexp"
	"strings"

	"bursar/internal/warehouse"
)

var wordPattern = regexp.MustCompile(`[\pL_][\pL\pN_$]*`)

// NamesIn returns the words of a statement in lower case, and those of the views that it names, where follow allows it. Tables and views are
// among them. A name counts wherever it stands: a warning too many is better than none.
func NamesIn(ctx context.Context, r warehouse.Reader, sql string, follow func(view string) bool) (names []string, err error) {
	definitions, err := views(ctx, r)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for texts := []string{sql}; len(texts) > 0; texts = texts[1:] {
		for _, word := range wordPattern.FindAllString(texts[0], -1) {
			name := strings.ToLower(word)
			if seen[name] {
				continue
			}
			seen[name] = true
			names = append(names, name)
			if definition, ok := definitions[name]; ok && follow(name) {
				texts = append(texts, definition)
			}
		}
	}
	return names, nil
}
