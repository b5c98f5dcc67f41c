// Values other than any text: one of some texts, flags, whole numbers, single characters; and suggestions for misspelt names.

package doc

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"bursar/internal/column"
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// IsName reports whether a text may name a stream, pipeline, institution or column.
func IsName(text string) bool { return namePattern.MatchString(text) }

// OneOf reads one of some texts; "" is none of them.
func (o Section) OneOf(key string, known ...string) string {
	text := o.Text(key)
	if text == "" || slices.Contains(known, text) {
		return text
	}
	last := len(known) - 1
	o.Fail(key, "is %s: use %s or %s", Brief(text), strings.Join(known[:last], ", "), known[last])
	return ""
}

// Flag reads a boolean.
func (o Section) Flag(key string, byDefault bool) bool {
	n := o.Values[key]
	if n == nil {
		return byDefault
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		return n.Value[0] == 't' || n.Value[0] == 'T'
	}
	o.Fail(key, "must be true or false")
	return byDefault
}

// Number reads a whole number from 1 to limit.
func (o Section) Number(key string, byDefault, limit int64) int64 {
	return o.WholeNumber(1, key, byDefault, limit)
}

// WholeNumber reads a whole number from minimum to limit.
func (o Section) WholeNumber(minimum int64, key string, byDefault, limit int64) int64 {
	n := o.Values[key]
	if n == nil {
		return byDefault
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" {
		if x, err := strconv.ParseInt(n.Value, 10, 64); err == nil && x >= minimum && x <= limit {
			return x
		}
	}
	o.Fail(key, "must be a whole number from %d to %d", minimum, limit)
	return byDefault
}

// Mark reads a character of one byte that cannot be part of a number or a word.
func (o Section) Mark(key string, byDefault byte) byte {
	s := o.Text(key)
	if s == "" {
		return byDefault
	}
	c := s[0]
	word := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	if len(s) != 1 || word || c >= 0x7f || c < ' ' && c != '\t' || c == '"' || c == '+' || c == '-' {
		o.Fail(key, "must be one ASCII character that is not a letter, digit, sign or double quote")
		return byDefault
	}
	return c
}

// Layout reads a date format and compiles it; nil if there is none.
func (o Section) Layout(key string, kind column.Kind) *column.Layout {
	format := o.Text(key)
	if format == "" {
		return nil
	}
	if !strings.Contains(format, "%") && !column.IsEpoch(format) {
		o.Fail(key, "is %s: use a pattern such as \"%%Y-%%m-%%d\", or epoch_s or epoch_ms for seconds or milliseconds since 1970", Brief(format))
		return nil
	}
	l, err := column.CompileLayout(format, kind)
	if err != nil {
		o.Src.FailAt(o.At(key), "%v", err)
	}
	return l
}

// Nearest returns the known name that a misspelt one probably means, or "".
func Nearest(name string, known []string) string {
	if len(name) > 64 {
		return ""
	}
	best, least := "", 1+min(2, (len(name)+1)/3)
	for _, k := range known {
		if strings.EqualFold(strings.TrimSpace(k), strings.TrimSpace(name)) {
			return k
		}
		if len(k) > len(name)+2 || len(name) > len(k)+2 {
			continue
		}
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// DidYouMean is the end of a message about an unknown name: it suggests the nearest known name, if there is one.
func DidYouMean(name string, known []string) string { return suggest(Nearest(name, known)) }

func suggest(name string) string {
	if name == "" {
		return ""
	}
	return "; did you mean " + Brief(name) + "?"
}

// distance is the number of letters to insert, drop, replace or swap with their neighbour to get from a to b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
