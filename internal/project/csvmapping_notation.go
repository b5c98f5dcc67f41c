// Reads how an institution writes values in its CSV files: dates, amounts, the status of rows, and lines that are not rows.

package project

import (
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"
)

// readDates compiles one date format, or each of a list.
func readDates(o doc.Section) []*column.Layout {
	var layouts []*column.Layout
	for _, format := range o.Texts("date") {
		if !strings.Contains(format, "%") {
			o.Fail("date", "is %s: use a pattern such as \"%%Y-%%m-%%d\"", doc.Brief(format))
			continue
		}
		l, err := column.CompileLayout(format, column.Timestamp)
		if err != nil {
			o.Src.FailAt(o.At("date"), "%v", err)
			continue
		}
		layouts = append(layouts, l)
	}
	return layouts
}

func readNotation(o doc.Section) Notation {
	w := Notation{
		Prefix: readAffixes(o, "prefix"), Suffix: readAffixes(o, "suffix"),
		Negative: readForms(o, "negative"), Positive: readForms(o, "positive"), Placeholder: o.Texts("placeholder"),
	}
	for _, form := range w.Positive {
		if slices.Contains(w.Negative, form) {
			o.Fail("positive", "has %s, and so has `negative`", doc.Brief(form.Before+"*"+form.After))
		}
	}
	return w
}

// readAffixes reads texts before or after a number, which must not look like a part of it.
func readAffixes(o doc.Section, key string) []string {
	texts := o.Texts(key)
	for i, text := range texts {
		texts[i] = strings.TrimSpace(text)
		if partOfNumber(texts[i]) {
			o.Fail(key, "has %s, which may be a part of the number: use text without digits, signs and marks at its ends", doc.Brief(text))
		}
	}
	return texts
}

// readForms reads patterns in which * is the number.
func readForms(o doc.Section, key string) []Form {
	var forms []Form
	for _, text := range o.Texts(key) {
		before, after, found := strings.Cut(strings.ReplaceAll(text, "\u2212", "-"), "*") // as numbers are read
		f := Form{strings.TrimSpace(before), strings.TrimSpace(after)}
		switch {
		case !found || strings.Contains(after, "*") || f == Form{}:
			o.Fail(key, "has %s: write the number as one *, and what stands before or behind it, such as \"(*)\" or \"* S\"", doc.Brief(text))
		case strings.ContainsAny(text, "0123456789"):
			o.Fail(key, "has %s: what stands beside the number has no digits", doc.Brief(text))
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

func readNotes(o doc.Section) []string {
	notes := o.Texts("notes")
	for _, text := range notes {
		if strings.Trim(text, "* ") == "" {
			o.Fail("notes", "has %s, which is every line: give what the first cell of a note begins with, such as \"Total*\"", doc.Brief(text))
		}
	}
	return notes
}

func readStatus(o doc.Section) Status {
	o = o.Sub("status", "column", "booked", "pending", "ignored")
	o.Require("column", "booked")
	s := Status{Column: o.Text("column"), Booked: o.Texts("booked"), Pending: o.Texts("pending"), Ignored: o.Texts("ignored")}
	seen := map[string]string{}
	for _, list := range []struct {
		key   string
		texts []string
	}{{"booked", s.Booked}, {"pending", s.Pending}, {"ignored", s.Ignored}} {
		for _, text := range list.texts {
			if other := seen[text]; other != "" {
				o.Fail(list.key, "has %s, and so has `%s`", doc.Brief(text), other)
			}
			seen[text] = list.key
		}
	}
	return s
}
