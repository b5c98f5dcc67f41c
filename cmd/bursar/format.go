// Formats values for people: counts, money, times, names of files, JSON values, and text that is safe for a terminal or a shell.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"
)

// noValue is shown where there is no value.
const noValue = "–"

// formatCount formats a number with thousands separators.
func formatCount[N int | int64 | uint64](n N) string {
	return groupDigits(strconv.FormatInt(int64(n), 10))
}

// plural returns a number with its noun: "1 row", "2,000 rows".
func plural[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return formatCount(n) + " " + many
}

// formatTime formats a time as RFC 3339 in UTC; nil and the zero time give noValue.
func formatTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return noValue
	}
	return t.UTC().Format(time.RFC3339)
}

func checkMark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}

// plainDecimals is the number of decimals of an amount whose currency is unknown.
const plainDecimals = 2

// formatMoney groups the digits of a decimal, and leaves out zeros behind the decimals of its currency. It never rounds (rule 2): other
// digits are all shown.
func formatMoney(amount, code string) string {
	decimals := plainDecimals
	if unit, err := currency.ParseISO(code); err == nil {
		decimals, _ = currency.Standard.Rounding(unit)
	}
	whole, fraction, _ := strings.Cut(amount, ".")
	if rest := strings.TrimRight(fraction, "0"); len(rest) > decimals {
		decimals = max(len(rest), plainDecimals)
	}
	if fraction = fraction[:min(decimals, len(fraction))]; fraction != "" {
		fraction = "." + fraction
	}
	return groupDigits(whole) + fraction
}

// groupDigits separates the thousands of a whole number by commas.
func groupDigits(number string) string {
	first := len(number) - len(strings.TrimPrefix(number, "-"))
	for i := len(number) - 3; i > first; i -= 3 {
		number = number[:i] + "," + number[i:]
	}
	return number
}

func formatRow(row int64, place string) string {
	if place != "" {
		return place
	}
	return formatCount(row)
}

// displayName returns a file's name relative to the working folder, if it is below it. A long name loses its beginning.
func (c *cli) displayName(file string) string {
	name := file
	if here, err := filepath.Abs(c.path(".")); err == nil {
		if near, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(near, "..") {
			name = near
		}
	}
	if letters := []rune(name); len(letters) > cellWidth {
		return "…" + string(letters[len(letters)-cellWidth+1:])
	}
	return name
}

// inBrackets returns a reason in brackets with a space before it, or "".
func inBrackets(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + printable(reason) + ")"
}

func capitalize(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// listCounts formats counts by name, such as "3 position, 1 status".
func listCounts(counts map[string]int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s %s", formatCount(counts[name]), name))
	}
	return strings.Join(list, ", ")
}

// oneLine joins the lines of an error text.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// shorten is a text as a table shows it: of a very long one the beginning, and how long it is.
func shorten(s string) string {
	s = printable(s)
	if length := utf8.RuneCountInString(s); length > shownText {
		return fmt.Sprintf("%s… (%s characters)", string([]rune(s)[:shownText]), formatCount(length))
	}
	return s
}

// printable makes text safe for a terminal: characters that are not printable become escape sequences.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == ' ' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// plainWord matches text that a shell reads as one word without quotes.
var plainWord = regexp.MustCompile(`^[\pL\pN._/:+@%,-]+$`)

func shellWords(list []string) string {
	words := make([]string, len(list))
	for i, s := range list {
		words[i] = shellWord(s)
	}
	return strings.Join(words, " ")
}

// shellWord quotes a text as one argument of a shell command.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

type field struct {
	name  string
	value json.RawMessage
}

// fieldsOf splits a JSON object into its properties, in order.
func fieldsOf(object json.RawMessage) []field {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil
	}
	var fields []field
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			break
		}
		fields = append(fields, field{name, value})
	}
	return fields
}

// text formats a value for one cell: without the quotes of JSON, null as noValue, and a list as its length.
func (f field) text() string {
	if list := f.list(); list != nil {
		return plural(len(list), "item", "items")
	}
	return textOf(f.value)
}

// list returns the items of a list, or nil for any other value.
func (f field) list() []json.RawMessage {
	var list []json.RawMessage
	if len(f.value) == 0 || f.value[0] != '[' || json.Unmarshal(f.value, &list) != nil {
		return nil
	}
	return list
}

func textOf(value json.RawMessage) string {
	var s string
	switch {
	case string(value) == "null":
		return noValue
	case json.Unmarshal(value, &s) == nil:
		return s
	}
	return string(value)
}

// keyTexts returns the values of a key with width columns as text.
func keyTexts(key json.RawMessage, width int) []string {
	var values []json.RawMessage
	if width == 1 || json.Unmarshal(key, &values) != nil {
		return []string{textOf(key)}
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = textOf(v)
	}
	return texts
}
