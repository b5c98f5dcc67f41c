// Common mistakes: text that the parser of YAML interprets in an unintended way, and misspelt names.

package doc

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// cutAtComma counts the keys without a value after the value at i: inside { } a comma ends a value without quotes, and what follows is
// parsed as such keys. It reports them once, with the value as it was probably meant.
func (o *Section) cutAtComma(n *yaml.Node, i int, known []string) int {
	value, text := n.Content[i+1], n.Content[i+1].Value
	if n.Style&yaml.FlowStyle == 0 || value.Kind != yaml.ScalarNode || value.Style != 0 || text == "" {
		return 0
	}
	count := 0
	for at := i + 2; at+1 < len(n.Content) && withoutValue(n.Content[at], n.Content[at+1]); at += 2 {
		text += ", " + n.Content[at].Value
		count++
	}
	if count == 0 {
		return 0
	}
	key, next := n.Content[i].Value, n.Content[i+2]
	meant := key + ": " + strconv.Quote(strings.ReplaceAll(text, " ,", ","))
	if items := commaItems(text); items != nil {
		meant = key + ": [" + strings.Join(items, ", ") + "]"
	} else if strings.HasPrefix(text, "decimal(") {
		meant = key + ": " + strconv.Quote(strings.ReplaceAll(text, " ", ""))
	}
	switch {
	case !slices.Contains(known, next.Value):
		o.Src.Fail(next.Line, "%s is taken for a key, because a comma ends a value without quotes inside { }: write %s", Brief(next.Value), meant)
	case key == "type":
		o.Src.Fail(next.Line, "key %s has no value: write one behind it", Brief(next.Value))
	default:
		o.Src.Fail(next.Line, "key %s has no value; if it belongs to the value before it, write %s", Brief(next.Value), meant)
	}
	return count
}

func withoutValue(key, value *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && value.Kind == yaml.ScalarNode && value.Style == 0 && value.Value == ""
}

// commaItems returns the items of a text that was probably meant as a list; nil if it has no comma, or is an expression.
func commaItems(text string) []string {
	if !strings.Contains(text, ",") || strings.ContainsAny(text, `()'"=<>`) {
		return nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		if items[i] = strings.TrimSpace(items[i]); items[i] == "" {
			return nil
		}
	}
	return items
}

// List reads texts that are not expected to contain a comma: a single text with one was probably meant as a list.
func (o Section) List(key string) []string {
	n := o.Values[key]
	if n != nil && n.Kind == yaml.ScalarNode {
		if items := commaItems(n.Value); items != nil {
			o.Fail(key, "is one text with a comma in it: write %s: [%s]", key, strings.Join(items, ", "))
			return nil
		}
	}
	return o.Texts(key)
}

// unspaced matches a key that was written together with its value: `type:string`.
var unspaced = regexp.MustCompile(`^([a-z_]+):(\S.*)$`)

// splitKey finds the known key in one that was written together with its value, and returns what to write.
func splitKey(name string, known []string) (key, write string) {
	m := unspaced.FindStringSubmatch(name)
	if m == nil || !slices.Contains(known, m[1]) {
		return "", ""
	}
	return m[1], m[1] + ": " + m[2]
}

// explainSyntax returns what to write where the parser's message does not help, or "". The line is where it stopped.
func explainSyntax(problem, line string) string {
	indentation := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	switch {
	case strings.Contains(indentation, "\t"):
		return "a tab stands before the text: YAML is indented with spaces only, so write spaces"
	case !strings.Contains(problem, "cannot start any token"):
		return ""
	case strings.ContainsAny(line, "@`%"):
		return "a value cannot start with @, ` or %: put it in quotes"
	case strings.Contains(line, "\t"):
		return "a tab stands where a value starts: write spaces"
	}
	return ""
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

// otherNames are what schedulers elsewhere call some keys.
var otherNames = map[string]string{"timezone": "zone", "depends_on": "after", "retries": "retry"}

// elsewhere returns the known key that has another name elsewhere, or "".
func elsewhere(name string, known []string) string {
	if key := otherNames[name]; slices.Contains(known, key) {
		return key
	}
	return ""
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
