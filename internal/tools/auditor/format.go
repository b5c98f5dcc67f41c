// Writes values in one of several equivalent ways.

package auditor

import (
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
