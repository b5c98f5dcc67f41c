// Reads how an institution writes values in its CSV files: dates, amounts, the status of rows, and lines that are not rows.

package project

import (
	"slices"
	"strings"

	"bursar/internal/column"
)

// readDates compiles one date format, or each of a list.
func readDates(o section) []*column.Layout {
	var layouts []*column.Layout
	for _, format := range o.texts("date") {
		if !strings.Contains(format, "%") {
			o.fail("date", "is %s: use a pattern such as \"%%Y-%%m-%%d\"", brief(format))
			continue
		}
		l, err := column.CompileLayout(format, column.Timestamp)
		if err != nil {
			o.src.failAt(o.at("date"), "%v", err)
			continue
		}
		layouts = append(layouts, l)
	}
	return layouts
}

func readNotation(o section) Notation {
	w := Notation{
		Prefix: o.affixes("prefix"), Suffix: o.affixes("suffix"),
		Negative: o.forms("negative"), Positive: o.forms("positive"), Placeholder: o.texts("placeholder"),
	}
	for _, form := range w.Positive {
		if slices.Contains(w.Negative, form) {
			o.fail("positive", "has %s, and so has `negative`", brief(form.Before+"*"+form.After))
		}
	}
	return w
}

// affixes reads texts before or after a number, which must not look like a part of it.
func (o section) affixes(key string) []string {
	texts := o.texts(key)
	for i, text := range texts {
		texts[i] = strings.TrimSpace(text)
		if partOfNumber(texts[i]) {
			o.fail(key, "has %s, which may be a part of the number: use text without digits, signs and marks at its ends", brief(text))
		}
	}
	return texts
}

// forms reads patterns in which * is the number.
func (o section) forms(key string) []Form {
	var forms []Form
	for _, text := range o.texts(key) {
		before, after, found := strings.Cut(strings.ReplaceAll(text, "\u2212", "-"), "*") // as numbers are read
		f := Form{strings.TrimSpace(before), strings.TrimSpace(after)}
		switch {
		case !found || strings.Contains(after, "*") || f == Form{}:
			o.fail(key, "has %s: write the number as one *, and what stands before or behind it, such as \"(*)\" or \"* S\"", brief(text))
		case strings.ContainsAny(text, "0123456789"):
			o.fail(key, "has %s: what stands beside the number has no digits", brief(text))
		default:
			forms = append(forms, f)
		}
	}
	return forms
}

// partOfNumber reports whether a text is empty or could be part of a number.
func partOfNumber(text string) bool {
	return strings.Trim(text, "+-.,'\u2212 ") == "" || strings.ContainsAny(text, "0123456789*")
}

func readNotes(o section) []string {
	notes := o.texts("notes")
	for _, text := range notes {
		if strings.Trim(text, "* ") == "" {
			o.fail("notes", "has %s, which is every line: give what the first cell of a note begins with, such as \"Total*\"", brief(text))
		}
	}
	return notes
}

func readStatus(o section) Status {
	o = o.sub("status", "column", "booked", "pending", "ignored")
	o.require("column", "booked")
	s := Status{Column: o.text("column"), Booked: o.texts("booked"), Pending: o.texts("pending"), Ignored: o.texts("ignored")}
	seen := map[string]string{}
	for _, list := range []struct {
		key   string
		texts []string
	}{{"booked", s.Booked}, {"pending", s.Pending}, {"ignored", s.Ignored}} {
		for _, text := range list.texts {
			if other := seen[text]; other != "" {
				o.fail(list.key, "has %s, and so has `%s`", brief(text), other)
			}
			seen[text] = list.key
		}
	}
	return s
}
