// Draws tables for people: light lines, numbers aligned to the right.

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// cellWidth is the maximum width of a cell in characters. --json shows the whole text.
const cellWidth = 72

// grid collects the cells of a table. Cells are plain text.
type grid struct {
	header  []string
	rows    [][]string
	wrapped map[int]int // width of each wrapped column, by position; cells of other columns are truncated
	hidden  []string    // columns that are not shown
	hint    string      // how to see the columns that are not shown
}

func newGrid(header ...string) *grid {
	return &grid{header: header, wrapped: map[int]int{}, hint: "--json has them"}
}

// wrap shows the cells of a column whole: line feeds are kept, and lines longer than cellWidth are broken.
func (g *grid) wrap(column string) *grid {
	g.wrapped[slices.Index(g.header, column)] = cellWidth
	return g
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// print draws the table. On a terminal, wrapped columns become narrower until the lines fit. Without such columns, the last columns
// are left out, and named below.
func (g *grid) print(w io.Writer, terminal int) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	header, rows := toRow(g.header, nil), make([]table.Row, len(g.rows))
	for i, cells := range g.rows {
		rows[i] = toRow(cells, g.wrapped)
	}
	if len(g.wrapped) == 0 {
		t.Style().Size.WidthMax = terminal
		if fitting := fittingColumns(widths(header, rows), terminal); fitting < len(header) {
			g.hidden = append(g.hidden, g.header[fitting:]...)
			header = header[:fitting]
			for i := range rows {
				rows[i] = rows[i][:fitting]
			}
		}
	} else if terminal > 0 {
		narrow := g.narrowWidths(widths(header, rows), terminal)
		for i, cells := range g.rows {
			rows[i] = toRow(cells, narrow)
		}
	}
	t.AppendHeader(header)
	t.AppendRows(rows)
	var columns []table.ColumnConfig
	for i := range g.header {
		if g.isNumeric(i) {
			columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.SetColumnConfigs(columns)
	fmt.Fprintln(w, t.Render())
	if len(g.hidden) > 0 {
		fmt.Fprintf(w, "%s hidden: %s; %s.\n", plural(len(g.hidden), "column", "columns"), printable(strings.Join(g.hidden, ", ")), g.hint)
	}
}

// fittingColumns is the number of columns of these widths that fit a terminal, at least one; all if there is no terminal.
func fittingColumns(widths []int, terminal int) int {
	total := 1
	for i, width := range widths {
		if total += width + 3; total > terminal && i > 0 && terminal > 0 {
			return i
		}
	}
	return len(widths)
}

// narrowest is the minimum width of a wrapped column on a narrow terminal.
const narrowest = 16

// narrowWidths returns the widths of wrapped columns that fit a terminal, given the natural widths of all columns. The
// widest column is reduced first.
func (g *grid) narrowWidths(widths []int, terminal int) map[int]int {
	total, narrow := 1, map[int]int{}
	for i, width := range widths {
		total += width + 3 // a border and two spaces
		if g.wrapped[i] > 0 {
			narrow[i] = width
		}
	}
	for ; total > terminal; total-- {
		widest := slices.MaxFunc(slices.Sorted(maps.Keys(narrow)), func(a, b int) int { return cmp.Compare(narrow[a], narrow[b]) })
		if narrow[widest] <= narrowest {
			break
		}
		narrow[widest]--
	}
	return narrow
}

func widths(header table.Row, rows []table.Row) []int {
	all := make([]int, len(header))
	for i := range header {
		all[i] = text.LongestLineLen(fmt.Sprint(header[i]))
		for _, row := range rows {
			all[i] = max(all[i], text.LongestLineLen(fmt.Sprint(row[i])))
		}
	}
	return all
}

// toRow prepares cells for printing: cells of wrapped columns are broken into lines, others are truncated.
func toRow(cells []string, wrapped map[int]int) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		if width := wrapped[i]; width > 0 {
			var lines []string
			for line := range strings.SplitSeq(cell, "\n") {
				lines = append(lines, breakLines(printable(line), width)...)
			}
			row[i] = strings.Join(lines, "\n")
			continue
		}
		row[i] = text.Snip(printable(cell), cellWidth, "…")
	}
	return row
}

// breakLines breaks a text into lines of at most width columns: at a space, or anywhere in a line without spaces.
func breakLines(s string, width int) (lines []string) {
	for text.StringWidthWithoutEscSequences(s) > width {
		used, end, space := 0, 0, 0
		for i, r := range s {
			if r == ' ' {
				space = i
			}
			if used += text.RuneWidth(r); used > width && i > 0 {
				break
			}
			end = i + utf8.RuneLen(r)
		}
		if space > 0 {
			end = space
		}
		lines, s = append(lines, s[:end]), strings.TrimPrefix(s[end:], " ")
	}
	return append(lines, s)
}

// printRest says how many rows a table leaves out, and how to see them.
func printRest(w io.Writer, left int, more string) {
	if left > 0 {
		fmt.Fprintf(w, "… and %s more; %s.\n", formatCount(left), more)
	}
}

var numeric = regexp.MustCompile(`^-?[0-9][0-9,]*(\.[0-9]+)?$`)

// isNumeric reports whether a column contains only numbers and empty cells, and at least one number.
func (g *grid) isNumeric(column int) bool {
	some := false
	for _, cells := range g.rows {
		cell := cells[column]
		if cell == "" || cell == noValue {
			continue
		}
		if !numeric.MatchString(cell) {
			return false
		}
		some = true
	}
	return some
}
