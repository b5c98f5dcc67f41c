// Epoch times: numbers that count the seconds or milliseconds since 1970.

package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"bursar/internal/column"
)

// epochs are the formats of epoch times with the values that are taken for one: those from 2001 to 2128.
var epochs = []struct {
	format, unit string
	values       *regexp.Regexp
	perSecond    int64
}{
	{"epoch_s", "seconds", regexp.MustCompile(`^[1-4][0-9]{9}(\.[0-9]{1,6})?$`), 1},
	{"epoch_ms", "milliseconds", regexp.MustCompile(`^[1-4][0-9]{12}(\.[0-9]{1,3})?$`), 1000},
}

// epochWords are words in the names of columns of times.
var epochWords = []string{"at", "ts", "time", "date", "datetime", "timestamp", "epoch", "created", "updated", "modified", "occurred"}

// tryEpoch takes numbers for an epoch time if the column's name and the range of its values suggest one.
func (g *guess) tryEpoch(f *field) bool {
	named := slices.ContainsFunc(strings.Split(g.Name, "_"), func(word string) bool { return slices.Contains(epochWords, word) })
	if !named || idLike(g.Name) || len(f.texts) == 0 {
		return false
	}
	for _, e := range epochs {
		if slices.ContainsFunc(f.texts, func(text string) bool { return !e.values.MatchString(text) }) ||
			!g.tryFormat(newTypeChecker(f), column.Timestamp, e.format) {
			continue
		}
		whole, _, _ := strings.Cut(f.texts[0], ".")
		var n int64
		_, _ = fmt.Sscan(whole, &n) // the expression allows digits only
		g.note(fmt.Sprintf("CHECK: %s since 1970, by the name and range: the first is %s", e.unit, time.Unix(n/e.perSecond, 0).UTC().Format(time.RFC3339)))
		return true
	}
	return false
}
