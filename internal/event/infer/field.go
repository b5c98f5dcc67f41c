// Fields: the sampled values of one column, before its type is guessed, and the names that a stream file may use.

package infer

import (
	"bytes"
	"fmt"
	"math/big"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"bursar/internal/column"
	"bursar/internal/event/scan"
	"bursar/internal/project"
)

// field is one column of the sample: a header of a CSV file, a leaf of a Parquet file, or a path in JSON lines.
type field struct {
	path  []string
	texts []string     // every value that is not null, as written; json values are omitted
	count int          // number of values that are not null
	typed *column.Type // the type in a Parquet file; nil if only values determine it

	strings, numbers, bools, others int // values by JSON kind; CSV fields are strings
}

// add adds a value by its text.
func (f *field) add(text string, kind *int) {
	f.texts = append(f.texts, text)
	f.count++
	*kind++
}

// typeChecker checks with the scanner which columns accept the values of a field.
type typeChecker struct {
	few, all []byte // the distinct values as rows of one CSV column
	text     bool   // a value that only a string column accepts: it is empty, or longer than any number or date
}

// maxValue is longer than any value that is not text, in bytes.
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

// accepts reports whether the column accepts every value exactly, and returns the parsed values.
func (j *typeChecker) accepts(c project.Column) ([]*scan.Block, bool) {
	if j.text || len(j.all) == 0 {
		return nil, false
	}
	c.Name, c.From = "value", nil
	plan, err := scan.NewPlan(&project.Stream{Name: "sample", Format: project.CSVText, Columns: []project.Column{c}}, nil)
	if err != nil {
		return nil, false
	}
	for _, rows := range [][]byte{j.few, j.all} { // most candidates fail at the first values
		blocks, err := plan.Parse(rows, nil, 1)
		if err != nil || slices.ContainsFunc(blocks, func(b *scan.Block) bool { return len(b.Rejects) > 0 }) {
			return nil, false
		}
		if len(rows) == len(j.all) {
			return blocks, true
		}
	}
	return nil, false
}

// maxScale is the largest scale that is guessed.
const maxScale = 20

// number returns the narrowest exact number type that accepts every value, with the given marks. Written decimals are kept even if they are zeros: an
// amount of 5.00 is not an integer.
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

// decimals returns the largest number of digits after the mark.
func (j *typeChecker) decimals(mark byte) int {
	most := 0
	for row := range bytes.Lines(j.all) {
		i := bytes.LastIndexByte(row, mark)
		n := 0
		for i >= 0 && row[i+n+1]-'0' <= 9 { // the closing quote is not a digit
			n++
		}
		most = max(most, n)
	}
	return most
}

// precision allows for values a thousand times the largest, and is at least 18 digits.
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

// quoted formats a text for a comment: short, without line ends.
func quoted(text string) string {
	const most = 80
	text = strings.ToValidUTF8(text, "?")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

var (
	datedEnd   = regexp.MustCompile(`(_[0-9]+)+$`)
	datedStart = regexp.MustCompile(`^([0-9]+_)+`)
	lettered   = regexp.MustCompile(`^[a-z]`)
)

// maxName keeps lines readable.
const maxName = 60

// snake is project.SnakeCase, shortened.
func snake(s string) string {
	s = project.SnakeCase(s)
	return strings.Trim(s[:min(len(s), maxName)], "_")
}

// columnName names column i after its header or path.
func columnName(from string, i int) string {
	name := snake(from)
	switch {
	case name == "":
		return fmt.Sprintf("column_%d", i+1)
	case !lettered.MatchString(name):
		return "c_" + name
	}
	return name
}

// unique returns the name, numbered if it is in use.
func unique(name string, taken map[string]bool) string {
	try := name
	for n := 2; taken[try]; n++ {
		try = fmt.Sprintf("%s_%d", name, n)
	}
	taken[try] = true
	return try
}

// streamName names a stream after its file, without the date or number that distinguishes its files.
func streamName(file string) string {
	for _, suffix := range []string{".gz", ".zst"} {
		file = strings.TrimSuffix(file, suffix)
	}
	name := snake(strings.TrimSuffix(file, filepath.Ext(file)))
	name = datedStart.ReplaceAllString(datedEnd.ReplaceAllString(name, ""), "")
	if !lettered.MatchString(name) {
		return "events"
	}
	return name
}

// notIDs end like ids but are not.
var notIDs = []string{"paid", "unpaid", "prepaid", "valid", "invalid", "void", "bid", "grid", "rapid", "fluid", "solid", "said", "aid", "avoid"}

func idLike(name string) bool {
	last := name[strings.LastIndexByte(name, '_')+1:]
	switch last {
	case "id", "no", "nr", "uuid", "guid", "number", "ref", "reference", "key":
		return true
	}
	return (strings.HasSuffix(last, "id") || strings.HasSuffix(last, "no")) && len(last) > 4 && !slices.Contains(notIDs, last)
}

// moneyLike reports whether a column of this name probably needs a control total.
func moneyLike(name string) bool {
	for _, word := range strings.Split(name, "_") {
		switch strings.TrimSuffix(word, "s") {
		case "amount", "amt", "total", "price", "cost", "fee", "tax", "vat", "net", "gross", "balance", "value",
			"sum", "charge", "revenue", "debit", "credit", "payment", "paid", "refund", "discount", "turnover":
			return true
		}
	}
	return false
}

// dateLike reports whether a number in a column of this name may be a date.
func dateLike(name string) bool {
	return strings.Contains(name, "date") || strings.Contains(name, "day") || strings.Contains(name, "time")
}
