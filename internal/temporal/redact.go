// Redaction of error texts: removes what may be a value of an event, since histories have none (rule 7).

package temporal

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// ellipsis replaces the removed parts of a text.
const ellipsis = "…"

var (
	// quotedName matches a declared name in quotes, which is not a value.
	quotedName = regexp.MustCompile(`\b(column|stream|pipeline|total|step|partition|function|artifact column|key column) ["']([a-z][a-z0-9_]*)["']`)
	// numberedWord matches a word after which a number is a reference.
	numberedWord = regexp.MustCompile(`^(row|rows|line|run|runs|batch|batches|part|partition|partitions|generation|byte|bytes|step|page|attempt|process|port)$`)
	// sqlType matches the name of a type.
	sqlType = regexp.MustCompile(`(?i)^"?(u?(tiny|small|big|huge)?int(eger)?(8|16|32|64|128)?|(decimal|numeric)(\([0-9]+,[0-9]+\))?)[.,:;!)"]*$`)
	// path matches an absolute path, or a file with an extension that Bursar reads or writes.
	path = regexp.MustCompile(`^(/[\w.@=+-]+)+/?[:,;]?$|^[\w./@=+-]+\.(jsonl|json|csv|parquet|xml|sta|mt940|ofx|qfx|zip|gz|zst|sql|yaml|db|sst)[:,;]?$`)
	// reference matches a number.
	reference = regexp.MustCompile(`^[0-9]+[:,;.)]*$`)
	// spacedType matches a type with a space between its numbers.
	spacedType = regexp.MustCompile(`(?i)\b(decimal|numeric)\(([0-9]+), ([0-9]+)\)`)
)

// plainError is implemented by errors that know their text without values.
type plainError interface {
	error
	PlainText() string
}

// plainText returns an error's text without values. It removes quoted text except declared names, and words with digits except
// references, types and paths. The text of a plainError is written as it says.
func plainText(err error) string {
	var known plainError
	if !errors.As(err, &known) {
		return withoutValues(err.Error())
	}
	var all []string
	for i, part := range strings.Split(err.Error(), known.Error()) {
		if i > 0 {
			all = append(all, known.PlainText())
		}
		all = append(all, withoutValues(part))
	}
	return strings.TrimSpace(strings.Join(all, " "))
}

func withoutValues(text string) string {
	text = spacedType.ReplaceAllString(quotedName.ReplaceAllString(text, "$1 $2"), "$1($2,$3)")
	for _, quote := range []rune{'"', '\'', '`', '“', '«'} {
		text = withoutQuoted(text, quote)
	}
	return withoutNumbers(text)
}

// withoutQuoted removes the text from the first quote to the last, because quoted text may contain quotes. If there is only one
// quote, or the last one opens a quotation, it removes the text to the end.
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
		return string(runes[:first]) + ellipsis
	}
	return string(runes[:first]) + ellipsis + string(runes[last+1:])
}

// withoutNumbers removes the words that may be numbers, codes or dates.
func withoutNumbers(text string) string {
	var kept []string
	before := ""
	for _, word := range strings.Fields(text) {
		switch {
		case !strings.ContainsFunc(word, unicode.IsDigit), sqlType.MatchString(word), path.MatchString(word),
			reference.MatchString(word) && numberedWord.MatchString(before):
			kept = append(kept, word)
		case len(kept) == 0 || kept[len(kept)-1] != ellipsis:
			kept = append(kept, ellipsis)
		}
		before = strings.ToLower(strings.Trim(word, "(:,"))
	}
	return strings.Join(kept, " ")
}
