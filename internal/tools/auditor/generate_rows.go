// Generates files: rows that are new, repeated, in conflict or malformed, each spelled in one of several ways.

package auditor

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sentRow is the plain text of a row's columns by name; one that is not there is null.
type sentRow map[string]string

var (
	accounts = []string{"a", "B", "ä", "a b", "ŽŽ", "\U0001F600", `q"t`, "a,b;c|d", "NULL", "a\tb", "new\nline", "", "\u2028<>&", "0", "zz"}
	instants = []string{"2024-01-31T23:59:59Z", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000001Z", "1969-12-31T23:59:59.5Z", "2024-02-29T12:00:00Z", "2024-07-01T12:00:00Z", "2024-03-31T02:30:00Z", "2024-10-27T02:30:00Z"}
	days     = []string{"2024-02-29", "1970-01-01", "1969-07-20", "2024-03-01", "0001-01-01"}
)

// file makes the next file: mostly small, sometimes one that was sent before.
func (g *generator) file() File {
	if len(g.files) > 0 && g.chance(8) {
		f := pick(g, g.files)
		f.Name = g.fileName(f.Zip)
		return f
	}
	rows := g.IntN(12)
	if g.chance(6) {
		rows = g.IntN(g.size.Rows + 1)
	}
	header := g.header()
	var lines []string
	for range rows {
		lines = append(lines, g.line(header))
		if g.chance(40) {
			lines = append(lines, "") // a blank line is no row
		}
	}
	f := File{Zip: g.chance(8)}
	f.Name = g.fileName(f.Zip)
	f.Text = g.join(header, lines)
	if g.chance(12) {
		f.Text = byteOrderMark + f.Text
	}
	g.files = append(g.files, f)
	return f
}

func (g *generator) fileName(zip bool) string {
	g.names++
	name := fmt.Sprintf("%03d.txt", g.names)
	if zip {
		name += ".gz"
	}
	return name
}

// join ends lines in one way, the last one perhaps not at all.
func (g *generator) join(header, lines []string) string {
	end := "\n"
	if g.chance(6) {
		end = "\r\n"
	}
	if g.isCSV {
		if !g.stream.NoHeader {
			lines = append([]string{g.csv(header)}, lines...)
		}
		if g.chance(30) {
			lines = append(lines, `"never closed`)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	text := strings.Join(lines, end)
	if !g.chance(6) {
		text += end
	}
	return text
}

// header is the order in which a CSV file has its columns, with one more that nothing reads; without a header it is fixed.
func (g *generator) header() []string {
	if !g.isCSV {
		return nil
	}
	var header []string
	for _, c := range g.stream.Columns {
		if c.Is == nil {
			header = append(header, c.From[0])
		}
	}
	if g.stream.NoHeader {
		return header
	}
	header = append(header, "unknown")
	if g.stream.Column("extra") == nil {
		header = append(header, "x")
	}
	g.Shuffle(len(header), func(i, k int) { header[i], header[k] = header[k], header[i] })
	return header
}

func (g *generator) line(header []string) string {
	row := g.row()
	if g.chance(12) {
		return g.malformed(row, header)
	}
	if g.isCSV {
		return g.csv(g.cells(row, header))
	}
	return g.object(g.properties(row))
}

// row is a new event, or one that was sent, perhaps changed.
func (g *generator) row() sentRow {
	if len(g.sent) > 0 && (g.chance(map[bool]int{false: 5, true: 2}[g.keepsVersions]) || g.size.Accept && g.chance(4)) {
		row := maps.Clone(pick(g, g.sent))
		if g.keepsVersions && !g.chance(4) {
			return g.version(row)
		}
		if g.chance(4) || g.size.Accept {
			row["amount"] = g.number(g.stream.Column("amount").Type)
		}
		return row
	}
	g.next++
	row := sentRow{
		"id": fmt.Sprintf("e%d", g.next), "part": fmt.Sprint(g.next % 3), "kind": pick(g, []string{"a", "b", "c", "a", "b", "d"}),
		"acct": pick(g, accounts[:4+g.IntN(len(accounts)-3)]), "num": fmt.Sprint(g.IntN(7) - 3), "day": pick(g, days),
		"at": pick(g, instants), "amount": g.number(g.stream.Column("amount").Type), "memo": pick(g, accounts),
		"fee": g.number(Type{Decimal, 10, 2}), "order": pick(g, accounts), "flag": pick(g, []string{"true", "false"}),
		"when": pick(g, instants), "extra": pick(g, accounts),
	}
	row["payer"] = row["acct"]
	if g.chance(20) {
		row["num"] = pick(g, []string{"2147483647", "-2147483648", "0"})
	}
	for _, name := range []string{"fee", "order", "flag", "when", "extra", "memo"} {
		if g.chance(3) && (name != "memo" || g.chance(4)) {
			delete(row, name)
		}
	}
	g.sent = append(g.sent, row)
	return row
}

// number is the text of a decimal; few are so large that twice as much does not fit.
func (g *generator) number(t Type) string {
	whole := fmt.Sprint(g.IntN(100))
	switch {
	case g.chance(30):
		whole = strings.Repeat("9", min(t.Precision-t.Scale, 20))
	case g.chance(8):
		whole = "0"
	case g.chance(4):
		whole = fmt.Sprint(1_000_000 + g.IntN(9_000_000))[:4+g.IntN(4)]
	}
	text := pick(g, []string{"", "", "-"}) + whole
	if t.Scale == 0 || g.chance(6) {
		return text
	}
	return text + "." + fmt.Sprintf("%09d", g.IntN(1e9))[:1+g.IntN(min(t.Scale, 9))]
}

// properties spells a row's values as JSON, by column.
func (g *generator) properties(row sentRow) map[string]string {
	values := map[string]string{}
	for i := range g.stream.Columns {
		c := &g.stream.Columns[i]
		text, there := row[c.Name]
		switch {
		case c.Is != nil:
		case there:
			values[c.Name] = g.jsonValue(c, text)
		case g.chance(2):
			values[c.Name] = "null"
		}
	}
	return values
}

func (g *generator) jsonValue(c *Column, text string) string {
	switch c.Type.Kind {
	case Int, BigInt, Decimal:
		if number := g.spellNumber(text); g.chance(2) && json.Valid([]byte(number)) {
			return number
		}
	case Flag:
		if g.chance(2) {
			return text
		}
	}
	quoted, _ := json.Marshal(g.spell(c, text)) // a string always marshals
	return string(quoted)
}

// object writes properties, those below data together, in any order and with others between them.
func (g *generator) object(values map[string]string) string {
	var top, inner []string
	for _, c := range g.stream.Columns {
		value, there := values[c.Name]
		switch {
		case !there:
		case len(c.From) == 1:
			top = append(top, g.property(c.From[0], value))
		default:
			inner = append(inner, g.property(c.From[1], value))
		}
	}
	if g.stream.Column("extra") == nil && g.chance(2) {
		top = append(top, g.property("x", `"later"`))
	}
	if g.chance(6) {
		top = append(top, g.property("unknown", `{"id":"no","data":[1,{"acct":null}]}`))
	}
	if g.chance(3) {
		g.Shuffle(len(inner), func(i, k int) { inner[i], inner[k] = inner[k], inner[i] })
		g.Shuffle(len(top), func(i, k int) { top[i], top[k] = top[k], top[i] })
	}
	if len(inner) > 0 {
		top = slices.Insert(top, g.IntN(len(top)+1), g.property("data", "{"+strings.Join(inner, ",")+"}"))
	}
	return "{" + strings.Join(top, ",") + "}"
}

func (g *generator) property(name, value string) string {
	if g.chance(30) {
		return fmt.Sprintf(`"\u%04x%s" : %s`, name[0], name[1:], value)
	}
	return `"` + name + `":` + value
}

// cells spells a row's values in the order of a header.
func (g *generator) cells(row sentRow, header []string) []string {
	cells := make([]string, len(header))
	for f, name := range header {
		for i := range g.stream.Columns {
			if c := &g.stream.Columns[i]; c.Is == nil && c.From[0] == name {
				cells[f] = g.spell(c, row[c.Name])
			}
		}
		if name == "x" {
			cells[f] = row["extra"]
		}
	}
	return cells
}

// csv writes one record, with quotes where they must be and elsewhere by chance.
func (g *generator) csv(cells []string) string {
	texts := make([]string, len(cells))
	for i, text := range cells {
		texts[i] = text
		if strings.ContainsAny(text, "\"\n,;|") || g.chance(10) {
			texts[i] = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
		}
	}
	return strings.Join(texts, string(g.stream.Delimiter))
}
