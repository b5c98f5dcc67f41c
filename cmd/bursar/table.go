// Tables for people: light lines, numbers to the right.

package main

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// cellWidth is the widest that a cell gets, in characters: more of a list or a reason is in --json.
const cellWidth = 72

// grid is a table in the making: cells are text that is ready to be seen.
type grid struct {
	header []string
	rows   [][]string
}

func newGrid(header ...string) *grid { return &grid{header: header} }

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// print draws the table, cut at the width of the terminal if there is one.
func (g *grid) print(w io.Writer, terminal int) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Size.WidthMax = terminal
	t.AppendHeader(toRow(g.header))
	for _, cells := range g.rows {
		t.AppendRow(toRow(cells))
	}
	var columns []table.ColumnConfig
	for i := range g.header {
		if g.isNumeric(i) {
			columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.SetColumnConfigs(columns)
	fmt.Fprintln(w, t.Render())
}

func toRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = text.Trim(clean(cell), cellWidth)
		if text.StringWidthWithoutEscSequences(clean(cell)) > cellWidth {
			row[i] = text.Trim(clean(cell), cellWidth-1) + "…"
		}
	}
	return row
}

var numeric = regexp.MustCompile(`^-?[0-9][0-9,]*(\.[0-9]+)?$`)

// isNumeric is true of a column with nothing but numbers and blanks in it.
func (g *grid) isNumeric(column int) bool {
	some := false
	for _, cells := range g.rows {
		cell := cells[column]
		if cell == "" || cell == none {
			continue
		}
		if !numeric.MatchString(cell) {
			return false
		}
		some = true
	}
	return some
}

// none is what stands where there is no value.
const none = "–"

// count writes a number with thousands separators.
func count[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// plural is "1 row", "2,000 rows".
func plural[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// when writes an instant; nil is none.
func when(t *time.Time) string {
	if t == nil || t.IsZero() {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

// clean makes text from files safe for a terminal: what is not printable is shown as an escape sequence.
func clean(s string) string {
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
