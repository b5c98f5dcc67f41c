// Writes a draft as a stream file with comments.

package infer

import (
	_ "embed" // of the stream file's text
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"unicode/utf8"

	"bursar/internal/column"
	"bursar/internal/project"
)

//go:embed stream.yaml.tmpl
var streamText string

var streamFile = template.Must(template.New("stream").Funcs(template.FuncMap{"quoted": quoted, "scalar": scalar, "thousands": thousands}).Parse(streamText))

// maxOmitted bounds what is listed as left out.
const maxOmitted = 50

// write writes the stream file.
func (d *draft) write() (string, error) {
	sampled := "the first " + thousands(d.rows) + " rows"
	switch {
	case d.rows == 1:
		sampled = "one row"
	case d.whole:
		sampled = "all " + thousands(d.rows) + " rows"
	}
	if more := len(d.omitted) - maxOmitted; more > 0 {
		d.omitted = append(d.omitted[:maxOmitted], fmt.Sprintf("and %d more", more))
	}
	var w strings.Builder
	err := streamFile.Execute(&w, map[string]any{
		"Sampled": sampled, "Rows": d.rows, "File": d.file, "Omitted": d.omitted, "Rejects": d.rejects, "Stream": d.stream, "Repeat": d.repeat,
		"CSV": d.format == project.CSVText, "OneObject": d.format == project.JSONL && d.rows == 1, "Encoding": d.encoding, "Columns": d.columnLines(),
	})
	return w.String(), err
}

// columnLines returns the columns, with their notes side by side.
func (d *draft) columnLines() (lines []string) {
	width := 0
	for i := range d.columns {
		if n := utf8.RuneCountInString(d.line(&d.columns[i])); n <= 70 {
			width = max(width, n)
		}
	}
	for i := range d.columns {
		g := &d.columns[i]
		line := d.line(g)
		if len(g.notes) > 0 {
			line = fmt.Sprintf("%-*s   # %s", width, line, strings.Join(g.notes, "; "))
		}
		mark := "  "
		if g.absent {
			mark = "# "
		}
		lines = append(lines, mark+line)
		if g.major != "" {
			lines = append(lines, fmt.Sprintf("  # %s: {type: \"decimal(18,2)\", is: %s}   # if %s counts hundredths, such as cents; declare it before the first batch",
				scalar(g.major), scalar(g.Name+" * 0.01"), g.Name))
		}
	}
	return lines
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
