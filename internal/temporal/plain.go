// What of an error's text may stand in a history: words, names and references, and no values of events (rule 7).

package temporal

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// left stands for what was left out of a text.
const left = "…"

var (
	// named is a declared name in quotes, which is no value.
	named = regexp.MustCompile(`\b(column|stream|pipeline|total|step|partition|function|artifact column|key column) ["']([a-z][a-z0-9_]*)["']`)
	// counted are the words whose numbers are references.
	counted = regexp.MustCompile(`^(row|rows|line|run|runs|batch|batches|part|partition|partitions|generation|byte|bytes|step|page|attempt|process|port)$`)
	// sqlType is a type, which says what a value should have been.
	sqlType = regexp.MustCompile(`(?i)^"?(u?(tiny|small|big|huge)?int(eger)?(8|16|32|64|128)?|(decimal|numeric)(\([0-9]+,[0-9]+\))?)[.,:;!)"]*$`)
	// path is an absolute one, or a file with one of the endings that we read or write.
	path = regexp.MustCompile(`^(/[\w.@=+-]+)+/?[:,;]?$|^[\w./@=+-]+\.(jsonl|json|csv|parquet|xml|sta|mt940|ofx|qfx|zip|gz|zst|sql|yaml|db|sst)[:,;]?$`)
	// reference is a number after one of the words above.
	reference = regexp.MustCompile(`^[0-9]+[:,;.)]*$`)
	// spaced is a type written with a blank.
	spaced = regexp.MustCompile(`(?i)\b(decimal|numeric)\(([0-9]+), ([0-9]+)\)`)
)

// plainer is implemented by errors that know what of their text holds no values, such as names of groups.
type plainer interface{ PlainText() string }

// plainText is what of an error's text is known to hold no values: nothing that was quoted, but for declared names, and nothing with
// a digit, but for references, types and paths.
func plainText(err error) string {
	text := err.Error()
	var known plainer
	if errors.As(err, &known) {
		if e, ok := known.(error); ok {
			text = strings.ReplaceAll(text, e.Error(), known.PlainText())
		}
	}
	text = spaced.ReplaceAllString(named.ReplaceAllString(text, "$1 $2"), "$1($2,$3)")
	for _, quote := range []rune{'"', '\'', '`', '“', '«'} {
		text = withoutQuoted(text, quote)
	}
	return withoutNumbers(text)
}

// withoutQuoted cuts from the first quote to the last: what is quoted may hold quotes itself. Where the last one opens something,
// or is alone, it cuts to the end.
func withoutQuoted(text string, quote rune) string {
	first, last := -1, -1
	runes := []rune(text)
	for i, r := range runes {
		if r != quote && (quote != '“' || r != '”') && (quote != '«' || r != '»') {
			continue
		}
		if quote == '\'' && i > 0 && i+1 < len(runes) && unicode.IsLetter(runes[i-1]) && unicode.IsLetter(runes[i+1]) && first < 0 {
			continue // can't
		}
		if first < 0 {
			first = i
		}
		last = i
	}
	switch {
	case first < 0:
		return text
	case first == last, last+1 < len(runes) && (unicode.IsLetter(runes[last+1]) || unicode.IsDigit(runes[last+1])):
		return string(runes[:first]) + left
	}
	return string(runes[:first]) + left + string(runes[last+1:])
}

// withoutNumbers leaves out the words that may be numbers, codes or dates.
func withoutNumbers(text string) string {
	var kept []string
	before := ""
	for _, word := range strings.Fields(text) {
		switch {
		case !strings.ContainsFunc(word, unicode.IsDigit), sqlType.MatchString(word), path.MatchString(word),
			reference.MatchString(word) && counted.MatchString(before):
			kept = append(kept, word)
		case len(kept) == 0 || kept[len(kept)-1] != left:
			kept = append(kept, left)
		}
		before = strings.ToLower(strings.Trim(word, "(:,"))
	}
	return strings.Join(kept, " ")
}
