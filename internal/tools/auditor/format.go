// Writes values in one of several equivalent ways, or wrongly.

package auditor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// spell writes the plain text of a value as a CSV field or a JSON string has it.
func (g *generator) spell(c *Column, text string) string {
	if text == "" {
		return ""
	}
	switch c.Type.Kind {
	case Decimal:
		text = g.spellNumber(text)
		if c.Comma {
			return g.spellComma(text)
		}
	case Date:
		return spellDate(c.Format, text)
	case Timestamp:
		return g.spellTime(text)
	case Flag:
		if g.isCSV && g.chance(3) {
			return strings.ToUpper(text)
		}
	}
	return text
}

// spellNumber adds zeros, or an exponent that changes nothing.
func (g *generator) spellNumber(text string) string {
	if strings.Contains(text, ".") && g.chance(4) {
		return text + strings.Repeat("0", 1+g.IntN(3))
	}
	if g.chance(6) {
		return text + pick(g, []string{"e0", "E+0", "e-0"})
	}
	return text
}

// spellComma writes a number as 1.234,56 or 1234,56, or in groups of a wrong size.
func (g *generator) spellComma(text string) string {
	digits := len(strings.TrimLeft(text, "-"))
	sign := text[:len(text)-digits]
	end := strings.IndexAny(text, ".eE")
	if end < 0 {
		end = len(text)
	}
	whole, rest := text[len(sign):end], strings.Replace(text[end:], ".", ",", 1)
	if g.chance(2) {
		return sign + whole + rest
	}
	size := 3
	if g.chance(12) {
		size = 2
	}
	for at := len(whole) - size; at > 0; at -= size {
		whole = whole[:at] + "." + whole[at:]
	}
	return sign + whole + rest
}

func spellDate(f *Format, text string) string {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || f == nil {
		return text
	}
	return t.Format(f.Layout)
}

func (g *generator) spellTime(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || g.chance(2) {
		return text
	}
	switch g.IntN(4) {
	case 0:
		return strings.TrimSuffix(text, "Z") // without a zone it is UTC, or local: then another time
	case 1:
		return strings.Replace(text, "T", " ", 1)
	case 2:
		return strings.TrimSuffix(text, "Z") + "+00:00"
	default:
		return t.In(time.FixedZone("", 1800*(g.IntN(20)-9))).Format(time.RFC3339Nano)
	}
}

// misfits are texts that mostly do not fit a type; the model decides.
var misfits = map[Kind][]string{
	Text:      {"\xff", "d"},
	Flag:      {"yes", "1"},
	Int:       {"1.5", "99999999999", "-2147483649", "abc", "0x10", "1e40", " 1"},
	BigInt:    {"1.5", "9223372036854775808", "abc", "NaN", "1e40"},
	Decimal:   {"1.234,5", "1.23,4", "12.345.678", "1234.567", "0.12345678901", "1e40", "NaN", "Infinity", "1/3", "1.", ".5", "1_000", "--1", "1,5", "1e-11"},
	Date:      {"2023-02-30", "30.2.2023", "1.3.2024", "010230", "29 FEB 2024", "31 Sep 2024", "1900-02-29", "2000-02-29", "2024-04-31", "2023-2-3", "20230203", "0000-01-01", "2023-02-03T00:00:00Z"},
	Timestamp: {"2024-13-01T00:00:00Z", "2024-01-01", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:00.0000001Z", "now"},
}

func (g *generator) malformed(row sentRow, header []string) string {
	read := slices.DeleteFunc(slices.Clone(g.stream.Columns), func(c Column) bool { return c.Is != nil })
	c := pick(g, read)
	if g.isCSV {
		return g.malformedCSV(row, header, &c)
	}
	values := g.properties(row)
	misfit := strings.ReplaceAll(pick(g, misfits[c.Type.Kind]), "\\", "")
	switch g.IntN(8) {
	case 0, 1:
		values[c.Name] = `"` + misfit + `"`
	case 2:
		values[c.Name] = pick(g, []string{"12", "true", "null", `{"a":[1]}`, "[]", "1.50", "1e2"})
	case 3:
		delete(values, c.Name)
	case 4:
		values[c.Name] = pick(g, []string{`"a\u0000b"`, `"\ud83d"`, `"\udc00\ud800"`, "\"\x01\"", `"\q"`})
	}
	line := g.object(values)
	switch g.IntN(10) {
	case 0:
		return line[:g.IntN(len(line))] + " "
	case 1:
		return pick(g, []string{"[1]", `"x"`, "42", "null", "{}", "{", line + " {}", line + ","})
	case 2:
		return line[:len(line)-1] + fmt.Sprintf(",%q:1}", c.From[0])
	}
	return line
}

func (g *generator) malformedCSV(row sentRow, header []string, c *Column) string {
	cells := g.cells(row, header)
	at := slices.Index(header, c.From[0])
	switch g.IntN(5) {
	case 0, 1:
		if at >= 0 {
			cells[at] = pick(g, misfits[c.Type.Kind])
		}
	case 2:
		cells = cells[:len(cells)-1]
	case 3:
		cells = append(cells, "one more")
	default:
		return g.csv(cells) + string(g.stream.Delimiter) + `"ab"c`
	}
	return g.csv(cells)
}
