// Reads `csv` of an institution.

package project

import (
	"math"
	"slices"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

func readCSVMapping(o section) *CSVMapping {
	o = o.sub("csv", "delimiter", "encoding", "skip", "header", "decimal", "group", "date", "prefix", "suffix", "negative",
		"positive", "placeholder", "notes", "account", "currency", "columns", "unique", "control")
	o.require("account", "currency", "columns")
	m := &CSVMapping{
		Delimiter: o.mark("delimiter", 0), Encoding: readEncoding(o), Skip: int(o.wholeNumber(0, "skip", 0, math.MaxInt16)),
		Header: o.texts("header"), Decimal: o.mark("decimal", '.'), Group: o.mark("group", 0),
		Dates: readDates(o), Notation: readNotation(o), Notes: readNotes(o), Account: o.cell("account"), Currency: o.cell("currency"),
		Columns: readCSVColumns(o), Unique: o.flag("unique", false),
	}
	if o.has("control") {
		m.Control = readControl(o, m)
	}
	switch {
	case m.Group == m.Decimal:
		o.fail("group", "is %s, which is the decimal mark: declare `decimal` too, as another character", brief(string(m.Group)))
	case m.Unique && m.Columns.Reference == "":
		o.fail("unique", "needs the column of the reference: add `reference` to `columns`")
	}
	checkHeader(o, m)
	return m
}

// checkHeader checks the named columns against a header that is declared here instead of in the files.
func checkHeader(o section, m *CSVMapping) {
	if len(m.Header) == 0 {
		return
	}
	for _, name := range m.ColumnNames() {
		if !slices.Contains(m.Header, name) {
			o.fail("header", "has no column %s, which is named below%s", brief(name), didYouMean(nearest(name, m.Header)))
		}
	}
}

func readEncoding(o section) encoding.Encoding {
	name := o.text("encoding")
	if name == "" {
		return nil
	}
	known, err := ianaindex.IANA.Encoding(name)
	if err != nil || known == nil {
		o.fail("encoding", "is %s: use an encoding's registered name such as utf-8, windows-1252, iso-8859-15 or ibm850", brief(name))
		return nil
	}
	return known
}

// cell reads a literal, or the column with the value.
func (o section) cell(key string) Cell {
	n := o.values[key]
	if n == nil || n.Kind != yaml.MappingNode {
		return Cell{Literal: o.text(key)}
	}
	return Cell{Column: o.column(key)}
}

// column reads a mapping with only the key `column`.
func (o section) column(key string) string {
	if !o.has(key) {
		return ""
	}
	c := o.sub(key, "column")
	c.require("column")
	return c.text("column")
}

func readCSVColumns(o section) CSVColumns {
	given := o.has("columns")
	o = o.sub("columns", "booked", "value", "amount", "credit", "debit", "sign", "status", "reference", "own", "code", "party", "peer", "text", "balance")
	c := CSVColumns{
		Booked: o.text("booked"), Value: o.text("value"), Amount: o.text("amount"), Credit: o.text("credit"), Debit: o.text("debit"),
		Reference: o.text("reference"), Own: o.text("own"), Code: o.text("code"), Party: o.text("party"), Peer: o.text("peer"),
		Text: o.texts("text"), Balance: o.text("balance"),
	}
	if !given || o.values == nil {
		return c
	}
	o.require("booked")
	if o.has("sign") {
		c.Sign = readSign(o)
	}
	if o.has("status") {
		c.Status = readStatus(o)
	}
	switch two := o.has("credit") || o.has("debit"); {
	case two && o.has("amount"):
		o.fail("amount", "cannot be combined with `credit` and `debit`: an amount is in one column or in two")
	case two && o.has("sign"):
		o.fail("sign", "belongs to `amount`: `credit` and `debit` already give the sign")
	case two:
		o.require("credit", "debit")
	case !o.has("amount") && !o.misspelt["amount"] && !o.misspelt["credit"] && !o.misspelt["debit"]:
		o.src.failAt(o.path, "%s has no `amount`, nor `credit` and `debit`", o.title())
	}
	return c
}

func readSign(o section) Sign {
	o = o.sub("sign", "column", "credit", "debit")
	o.require("column", "credit", "debit")
	s := Sign{Column: o.text("column"), Credit: o.texts("credit"), Debit: o.texts("debit")}
	for _, text := range s.Debit {
		if slices.Contains(s.Credit, text) {
			o.fail("debit", "has %s, and so has `credit`", brief(text))
		}
	}
	return s
}

func readControl(o section, m *CSVMapping) *Control {
	o = o.sub("control", "row", "where", "count", "sum", "hash", "opening", "closing")
	o.require("row")
	row := o.text("row")
	if row != "" && row != "first" && row != "last" {
		o.fail("row", "is %s: use first or last", brief(row))
	}
	c := &Control{
		First: row == "first", Count: o.column("count"), Sum: o.column("sum"),
		Opening: o.column("opening"), Closing: o.column("closing"), Hash: readHash(o, m),
	}
	if o.has("where") {
		where := o.sub("where", "column", "is")
		where.require("column", "is")
		c.Where = Marker{Column: where.text("column"), Value: where.text("is")}
	}
	stated := []string{"count", "sum", "hash", "opening", "closing"}
	if o.values != nil && !slices.ContainsFunc(stated, func(key string) bool { return o.has(key) || o.misspelt[key] }) {
		o.src.failAt(o.path, "%s states nothing: give the column of its count, sum, hash, opening or closing", o.title())
	}
	return c
}

// readHash resolves the column of the hash total by what the column contains.
func readHash(o section, m *CSVMapping) Hash {
	if !o.has("hash") {
		return Hash{}
	}
	o = o.sub("hash", "column", "of", "method")
	o.require("column", "of")
	if method := o.text("method"); method != "" && method != "sum" {
		o.fail("method", "is %s: use sum, which is the only one", brief(method))
	}
	h, of, c := Hash{Column: o.text("column")}, o.text("of"), &m.Columns
	columns := map[string]string{
		"account": m.Account.Column, "currency": m.Currency.Column, "booked": c.Booked, "value": c.Value, "amount": c.Amount,
		"credit": c.Credit, "debit": c.Debit, "reference": c.Reference, "own": c.Own, "code": c.Code, "party": c.Party,
		"peer": c.Peer, "balance": c.Balance,
	}
	name, known := columns[of]
	switch {
	case of == "":
	case !known:
		o.fail("of", "is %s: use what one of the columns holds, such as reference, amount or account", brief(of))
	case name == "":
		o.fail("of", "is %s, which has no column of its own", brief(of))
	}
	h.Summed = name
	return h
}
