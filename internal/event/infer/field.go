// Fields: the sampled values of one column, before its type is guessed.

package infer

import (
	"bytes"
	"math/big"
	"strings"
	"unicode"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// field is one column of the sample: a header of a CSV file, a leaf of a Parquet file, or a path into JSON lines.
type field struct {
	path  []string
	texts []string     // every value that is not null, as written; json values are left out
	count int          // how many values are not null
	typed *column.Type // what a Parquet file says itself; nil where only values tell

	strings, numbers, bools, others int // values by how JSON writes them; CSV fields are strings
}

// add notes a value by its text.
func (f *field) add(text string, kind *int) {
	f.texts = append(f.texts, text)
	f.count++
	*kind++
}

// distinct counts the different values.
func (f *field) distinct() map[string]int {
	counts := map[string]int{}
	for _, t := range f.texts {
		counts[t]++
	}
	return counts
}

// typeChecker asks the scanner which columns take the values of a field.
type typeChecker struct {
	few, all []byte // the distinct values as rows of one CSV column
	text     bool   // one of them fits a string column only: it is empty, or longer than any number or date
}

// maxValue is more bytes than any value has that is not text.
const maxValue = 200

func newTypeChecker(f *field) *typeChecker {
	j := &typeChecker{}
	seen := map[string]bool{}
	for _, text := range f.texts {
		if text == "" || len(text) > maxValue {
			return &typeChecker{text: true}
		}
		if seen[text] {
			continue
		}
		seen[text] = true
		j.all = append(j.all, '"')
		j.all = append(j.all, strings.ReplaceAll(text, `"`, `""`)...)
		j.all = append(j.all, '"', '\n')
		if len(seen) == 16 {
			j.few = j.all
		}
	}
	if j.few == nil {
		j.few = j.all
	}
	return j
}

// accepts reports whether the column takes every value exactly, and gives the values as it holds them.
func (j *typeChecker) accepts(c project.Column) ([]*scan.Block, bool) {
	if j.text || len(j.all) == 0 {
		return nil, false
	}
	c.Name, c.From = "value", nil
	plan, err := scan.NewPlan(&project.Stream{Name: "sample", Format: project.CSVText, Columns: []project.Column{c}}, nil)
	if err != nil {
		return nil, false
	}
	for _, rows := range [][]byte{j.few, j.all} { // most candidates fall at the first values
		blocks, err := plan.Parse(rows, nil, 1)
		if err != nil {
			return nil, false
		}
		for _, b := range blocks {
			if len(b.Rejects) > 0 {
				return nil, false
			}
		}
		if len(rows) == len(j.all) {
			return blocks, true
		}
	}
	return nil, false
}

// maxScale is the most decimals that are guessed to be meant.
const maxScale = 20

// number is the narrowest exact number type that takes every value, with the given marks. Decimals that are written
// are kept though they be zeros: an amount of 5.00 is no integer.
func (j *typeChecker) number(mark, group byte) (column.Type, bool) {
	c := project.Column{Decimal: mark, Group: group}
	written := j.decimals(mark)
	for _, kind := range []column.Kind{column.Int, column.BigInt} {
		c.Type = column.Type{Kind: kind}
		if _, ok := j.accepts(c); ok && written == 0 {
			return c.Type, true
		}
	}
	for scale := min(written, maxScale); scale <= maxScale; scale++ {
		c.Type = column.Type{Kind: column.Decimal, Precision: 38, Scale: scale}
		if blocks, ok := j.accepts(c); ok {
			c.Type.Precision = precision(blocks)
			return c.Type, true
		}
	}
	return column.Type{}, false
}

// decimals is the most digits that follow the mark in a value.
func (j *typeChecker) decimals(mark byte) int {
	most := 0
	for row := range bytes.Lines(j.all) {
		i := bytes.LastIndexByte(row, mark)
		n := 0
		for i >= 0 && row[i+n+1]-'0' <= 9 { // the quote at its end is no digit
			n++
		}
		most = max(most, n)
	}
	return most
}

// precision leaves room for values a thousand times the largest, and never less than 18 digits.
func precision(blocks []*scan.Block) int {
	digits := 0
	for _, b := range blocks {
		for i := range b.Rows {
			n := b.Columns[0].Unscaled(i).BigInt()
			digits = max(digits, len(new(big.Int).Abs(n).String()))
		}
	}
	return min(38, max(18, digits+3))
}

// quoted is a text as a line of a comment: short, and without line ends.
func quoted(text []byte) string {
	const most = 80
	text = bytes.ToValidUTF8(text, []byte("?"))
	if len(text) > most {
		text = append(bytes.ToValidUTF8(text[:most:most], nil), "…"...)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, string(text))
}
