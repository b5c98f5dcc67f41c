// Reads `csv` of an institution: which column contains what, and how values are written.

package project

import (
	"math"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project/doc"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

func readCSVMapping(o doc.Section) *CSVMapping {
	o = o.Sub("csv", "delimiter", "encoding", "skip", "header", "decimal", "group", "date", "prefix", "suffix", "negative",
		"positive", "placeholder", "notes", "account", "currency", "columns", "unique", "control")
	o.Require("account", "currency", "columns")
	m := &CSVMapping{
		Delimiter: o.Mark("delimiter", 0), Encoding: readEncoding(o), Skip: int(o.Number("skip", 0, 0, math.MaxInt16)),
		Header: o.Texts("header"), Decimal: o.Mark("decimal", '.'), Group: o.Mark("group", 0),
		Dates: readDates(o), Notation: readNotation(o), Notes: readNotes(o), Account: readCell(o, "account"), Currency: readCell(o, "currency"),
		Columns: readCSVColumns(o), Unique: o.Flag("unique", false),
	}
	if o.Has("control") {
		m.Control = readControl(o, m)
	}
	switch {
	case m.Group == m.Decimal:
		o.Fail("group", "is %s, which is the decimal mark: declare `decimal` too, as another character", doc.Brief(string(m.Group)))
	case m.Unique && m.Columns.Reference == "":
		o.Fail("unique", "needs the column of the reference: add `reference` to `columns`")
	}
	for _, name := range m.ColumnNames() {
		if len(m.Header) > 0 && !slices.Contains(m.Header, name) {
			o.Fail("header", "has no column %s, which is named below%s", doc.Brief(name), doc.DidYouMean(name, m.Header))
		}
	}
	return m
}

func readEncoding(o doc.Section) encoding.Encoding {
	name := o.Text("encoding")
	if name == "" {
		return nil
	}
	known, err := ianaindex.IANA.Encoding(name)
	if err != nil || known == nil {
		o.Fail("encoding", "is %s: use an encoding's registered name such as utf-8, windows-1252, iso-8859-15 or ibm850", doc.Brief(name))
		return nil
	}
	return known
}

// readCell reads a literal, or the column with the value.
func readCell(o doc.Section, key string) Cell {
	n := o.Values[key]
	if n == nil || n.Kind != yaml.MappingNode {
		return Cell{Literal: o.Text(key)}
	}
	return Cell{Column: readColumnName(o, key)}
}

// readColumnName reads a mapping with only the key `column`.
func readColumnName(o doc.Section, key string) string {
	if !o.Has(key) {
		return ""
	}
	c := o.Sub(key, "column")
	c.Require("column")
	return c.Text("column")
}

func readCSVColumns(o doc.Section) CSVColumns {
	given := o.Has("columns")
	o = o.Sub("columns", "booked", "value", "amount", "credit", "debit", "sign", "status", "reference", "own", "code", "party", "peer", "text", "balance")
	c := CSVColumns{
		Booked: o.Text("booked"), Value: o.Text("value"), Amount: o.Text("amount"), Credit: o.Text("credit"), Debit: o.Text("debit"),
		Reference: o.Text("reference"), Own: o.Text("own"), Code: o.Text("code"), Party: o.Text("party"), Peer: o.Text("peer"),
		Text: o.Texts("text"), Balance: o.Text("balance"),
	}
	if !given || o.Values == nil {
		return c
	}
	o.Require("booked")
	if o.Has("sign") {
		c.Sign = readSign(o)
	}
	if o.Has("status") {
		c.Status = readStatus(o)
	}
	switch two := o.Has("credit") || o.Has("debit"); {
	case two && o.Has("amount"):
		o.Fail("amount", "cannot be combined with `credit` and `debit`: an amount is in one column or in two")
	case two && o.Has("sign"):
		o.Fail("sign", "belongs to `amount`: `credit` and `debit` already give the sign")
	case two:
		o.Require("credit", "debit")
	case !o.Has("amount") && !o.Misspelt["amount"] && !o.Misspelt["credit"] && !o.Misspelt["debit"]:
		o.Src.FailAt(o.Path, "%s has no `amount`, nor `credit` and `debit`", o.Title())
	}
	return c
}

func readSign(o doc.Section) Sign {
	o = o.Sub("sign", "column", "credit", "debit")
	o.Require("column", "credit", "debit")
	s := Sign{Column: o.Text("column"), Credit: o.Texts("credit"), Debit: o.Texts("debit")}
	refuseShared(o, []string{"credit", "debit"}, s.Credit, s.Debit)
	return s
}

// refuseShared reports texts of the keys that an earlier one of them has, too.
func refuseShared(o doc.Section, keys []string, lists ...[]string) {
	seen := map[string]string{}
	for i, texts := range lists {
		for _, text := range texts {
			if other := seen[text]; other != "" {
				o.Fail(keys[i], "has %s, and so has `%s`", doc.Brief(text), other)
			}
			seen[text] = keys[i]
		}
	}
}

func readControl(o doc.Section, m *CSVMapping) *Control {
	o = o.Sub("control", "row", "where", "count", "sum", "hash", "opening", "closing")
	o.Require("row")
	c := &Control{
		First: o.OneOf("row", "first", "last") == "first", Count: readColumnName(o, "count"), Sum: readColumnName(o, "sum"),
		Opening: readColumnName(o, "opening"), Closing: readColumnName(o, "closing"), Hash: readHash(o, m),
	}
	if o.Has("where") {
		where := o.Sub("where", "column", "is")
		where.Require("column", "is")
		c.Where = Marker{Column: where.Text("column"), Value: where.Text("is")}
	}
	stated := []string{"count", "sum", "hash", "opening", "closing"}
	if o.Values != nil && !slices.ContainsFunc(stated, func(key string) bool { return o.Has(key) || o.Misspelt[key] }) {
		o.Src.FailAt(o.Path, "%s states nothing: give the column of its count, sum, hash, opening or closing", o.Title())
	}
	return c
}

// readHash resolves the column of the hash total by what the column contains.
func readHash(o doc.Section, m *CSVMapping) Hash {
	if !o.Has("hash") {
		return Hash{}
	}
	o = o.Sub("hash", "column", "of", "method")
	o.Require("column", "of")
	if method := o.Text("method"); method != "" && method != "sum" {
		o.Fail("method", "is %s: use sum, which is the only one", doc.Brief(method))
	}
	h, of, c := Hash{Column: o.Text("column")}, o.Text("of"), &m.Columns
	columns := map[string]string{
		"account": m.Account.Column, "currency": m.Currency.Column, "booked": c.Booked, "value": c.Value, "amount": c.Amount,
		"credit": c.Credit, "debit": c.Debit, "reference": c.Reference, "own": c.Own, "code": c.Code, "party": c.Party,
		"peer": c.Peer, "balance": c.Balance,
	}
	name, known := columns[of]
	switch {
	case of == "":
	case !known:
		o.Fail("of", "is %s: use what one of the columns holds, such as reference, amount or account", doc.Brief(of))
	case name == "":
		o.Fail("of", "is %s, which has no column of its own", doc.Brief(of))
	}
	h.Summed = name
	return h
}

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
	refuseShared(o, []string{"booked", "pending", "ignored"}, s.Booked, s.Pending, s.Ignored)
	return s
}
