// Writes a draft as a stream file with comments.

package infer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
)

// write writes the stream file.
func (d *draft) write() string {
	var w strings.Builder
	d.writeAbout(&w)
	s := d.stream
	fmt.Fprintf(&w, "stream: %s\nformat: %s\n", scalar(s.Name), s.Format)
	if s.Format == project.CSVText {
		header := "the first row names the columns"
		if !s.CSV.Header {
			header = "no row names the columns: they are taken by position, so keep their order"
		}
		fmt.Fprintf(&w, "csv: {delimiter: %s, header: %t}   # %s\n", strconv.Quote(string(s.CSV.Delimiter)), s.CSV.Header, header)
	}
	if d.encoding != "" {
		fmt.Fprintf(&w, "encoding: %s   # the file is not UTF-8: check that letters such as ü are right\n", d.encoding)
	}
	d.writeID(&w)
	if s.Time == "" {
		w.WriteString("# time: no date or timestamp was found; name the column that says when an event happened, if there is one\n")
	} else {
		fmt.Fprintf(&w, "time: %s   # when an event happened: check that it is this column\n", scalar(s.Time))
	}
	w.WriteString("\ncolumns:\n")
	d.writeColumns(&w)
	d.writeTotals(&w)
	w.WriteString("\ndedupe: forever   # how long an id is remembered; or so much of receipt time: 30d, 12h\n")
	if !s.DerivedID() {
		w.WriteString("# versions: keep   # an id that comes again with other values is a new version of the event, not a conflict\n")
	}
	return w.String()
}

// writeAbout explains what the guesses are based on and how to use them.
func (d *draft) writeAbout(w *strings.Builder) {
	which := "the first " + thousands(d.rows)
	if d.whole {
		which = "all " + thousands(d.rows)
	}
	rows := which + " rows"
	if d.rows == 1 {
		rows = "one row"
	}
	fmt.Fprintf(w, "# Guessed from %s of %s: read it through, and change what is not meant.\n", rows, quoted([]byte(d.file)))
	w.WriteString("# A type takes every sampled value exactly; a later value that does not fit is rejected to quarantine, never rounded.\n")
	fmt.Fprintf(w, "# Keep it as streams/%s.yaml, then try `bursar check` and `bursar ingest %s FILE --dry-run`.\n", d.stream.Name, d.stream.Name)
	w.WriteString("# Once a batch is sealed the schema only grows, so be sure of names and types before.\n")
	if n := len(d.rejects); n > 0 {
		r := d.rejects[0]
		in := ""
		if r.Column != "" {
			in = ", column " + r.Column
		}
		fmt.Fprintf(w, "#\n# CHECK: %s of the rows looked at would be rejected. The first, row %d%s: %s\n", thousands(n), r.Row, in, quoted([]byte(r.Reason)))
	}
	if d.format == project.JSONL && d.rows == 1 {
		w.WriteString("#\n# CHECK: one row only. If it holds a list of events, write that list alone into a file, or one object per line.\n")
	}
	for i, o := range d.omitted {
		if i == 0 {
			w.WriteString("#\n# Left out:\n")
		}
		if i == 50 {
			fmt.Fprintf(w, "#   and %d more\n", len(d.omitted)-i)
			break
		}
		fmt.Fprintf(w, "#   %s\n", o)
	}
	w.WriteByte('\n')
}

func (d *draft) writeID(w *strings.Builder) {
	if d.stream.ID[0] != project.RowID {
		fmt.Fprintf(w, "id: %s   # what makes an event unique: %s\n", scalar(d.stream.ID[0]), d.notes["id"])
		return
	}
	w.WriteString("# No column looks like an identity: named like one, given in every row, and different in each.\n")
	if d.repeat != nil {
		w.WriteString(d.repeat.comment())
	}
	w.WriteString(`# _row: a row is the file it came in and its place there. For files that are sent once; a file sent again is known.
# _content: a row is its values, and how often they stood in the file before. For exports that overlap.
# Better, where there is one: the column, or list of columns, by which the source itself tells its events apart.
id: _row
`)
}

func (d *draft) writeColumns(w *strings.Builder) {
	type line struct{ declared, notes string }
	lines := make([]line, len(d.columns))
	width := 0
	for i := range d.columns {
		g := &d.columns[i]
		lines[i] = line{d.line(g), strings.Join(g.notes, "; ")}
		if n := len([]rune(lines[i].declared)); n <= 70 {
			width = max(width, n)
		}
	}
	for i, l := range lines {
		mark := "  "
		if d.columns[i].absent {
			mark = "# "
		}
		if l.notes != "" {
			pad := strings.Repeat(" ", max(0, width-len([]rune(l.declared))))
			l.declared += pad + "   # " + l.notes
		}
		fmt.Fprintf(w, "%s%s\n", mark, l.declared)
		if d.columns[i].major != "" {
			w.WriteString(d.columns[i].majorLine())
		}
	}
}

// line returns a column in the syntax of a stream file.
func (d *draft) line(g *guess) string {
	options := []string{g.typeOption()}
	if g.In != nil {
		values := make([]string, len(g.In))
		for i, v := range g.In {
			values[i] = scalar(v)
		}
		options = append(options, "in: ["+strings.Join(values, ", ")+"]")
	}
	from := strings.Join(g.From, ".")
	if from != g.Name && (d.format != project.CSVText || d.csv.Header) {
		options = append(options, "from: "+scalar(from))
	}
	if g.Format != "" {
		options = append(options, "format: "+strconv.Quote(g.Format))
	}
	options = append(options, g.markOptions()...)
	if g.Optional {
		options = append(options, "optional: true")
	}
	return fmt.Sprintf("%s: {%s}", scalar(g.Name), strings.Join(options, ", "))
}

func (g *guess) typeOption() string {
	if g.Type.Kind == column.Decimal {
		return "type: " + strconv.Quote(g.Type.String())
	}
	return "type: " + g.Type.String()
}

// markOptions returns the options for marks other than the default.
func (g *guess) markOptions() (options []string) {
	if g.Decimal != '.' {
		options = append(options, "decimal: "+strconv.Quote(string(g.Decimal)))
	}
	if g.Group != 0 {
		options = append(options, "group: "+strconv.Quote(string(g.Group)))
	}
	return options
}

func (d *draft) writeTotals(w *strings.Builder) {
	if len(d.stream.Totals) == 0 {
		w.WriteString("\n# Control totals are carried through every step and must balance. No column looks like money; where one is:\n")
		w.WriteString("# totals:\n#   amount: {sum: amount, by: currency}\n")
		return
	}
	w.WriteString("\n# Control totals, carried through every step: keep those whose sum means something.\ntotals:\n")
	for _, t := range d.stream.Totals {
		by := ""
		if t.By != "" {
			by = ", by: " + scalar(t.By)
		}
		fmt.Fprintf(w, "  %s: {sum: %s%s}\n", scalar(t.Name), scalar(t.Sum), by)
	}
}

// plainScalar matches text that needs no quotes in YAML, except for the words in resembling.
var (
	plainScalar = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$`)
	resembling  = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off)$`)
)

// scalar formats a text for YAML. Go's escapes of valid UTF-8 are valid in YAML.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !resembling.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// thousands formats a count with thousands separators.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
