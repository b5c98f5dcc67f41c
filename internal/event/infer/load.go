// Guesses a load declaration from a sample of objects.

package infer

import (
	_ "embed" // of the load file's text
	"strings"
	"text/template"

	"bursar/internal/column"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// LoadSample is a sample of the objects of a load.
type LoadSample struct {
	Path    string // of a file with rows of some objects
	Name    string // of the load
	From    string
	Format  project.Format
	Array   string // the path to the list of each object that contains the rows; empty: the objects are rows
	Objects int    // from which the rows are
	Total   int    // number of objects that exist
	Whole   bool   // the rows are all that exist
	Periods project.PeriodUnit
}

//go:embed load.yaml.tmpl
var loadText string

var loadFile = template.Must(template.New("load").Funcs(template.FuncMap{"quoted": quoted, "scalar": scalar, "thousands": thousands}).Parse(loadText))

// rareShare is the share of rows below which a column is left to the rest.
const rareShare = 100

// restNames are names for the column of the rest, in order of preference.
var restNames = []string{"properties", "rest", "other_properties", "undeclared_properties"}

// Load returns a commented load file for a sample, as Stream does for a file.
func Load(l LoadSample) (yaml string, err error) {
	s, err := read(l.Path)
	if err != nil {
		if !failure.Of(err).Retryable() {
			err = failure.Wrap(failure.Data, err)
		}
		return "", err
	}
	s.anyValue = true
	d := &draft{sample: s, stream: &project.Stream{Name: l.Name, Format: s.format, CSV: s.csv}}
	taken := map[string]bool{}
	for i, f := range s.fields[:min(len(s.fields), maxColumns)] {
		g := s.guess(f, unique(columnName(strings.Join(f.path, "_"), i), taken))
		g.absent = g.absent || f.count*rareShare < s.rows
		g.Optional = g.Optional || !l.Whole || !s.whole
		d.columns = append(d.columns, g)
	}
	d.declare()
	rest := ""
	for _, name := range restNames {
		if rest == "" && !taken[name] {
			rest = name
		}
	}
	if s.csv.Delimiter != 0 && !s.csv.Header || s.repeats { // the rest has its values by the names of headers
		rest = ""
	}
	var w strings.Builder
	err = loadFile.Execute(&w, map[string]any{
		"Load": l, "Rows": s.rows, "CSV": s.format == project.CSVText, "Dialect": s.csv, "Encoding": s.encoding, "Rest": rest, "Columns": d.loadLines(), "Omitted": s.omitted,
		"Optional": !l.Whole || !s.whole,
	})
	return w.String(), err
}

// loadLines returns the columns in the syntax of a load file. Rare ones are comments: the rest contains them.
func (d *draft) loadLines() (lines []string) {
	for i := range d.columns {
		g := &d.columns[i]
		line := d.line(g)
		if path := strings.Join(g.From, "."); d.format != project.CSVText && path != g.Name && project.SnakeCase(path) == g.Name {
			g.From = []string{g.Name} // the key says it
			line = scalar(path) + strings.TrimPrefix(d.line(g), scalar(g.Name))
		}
		if g.Type.Kind == column.JSON {
			g.note("objects or lists, or values of different types")
		}
		mark := "  "
		if g.absent {
			mark = "  # "
		}
		if len(g.notes) > 0 {
			line += "   # " + strings.Join(g.notes, "; ")
		}
		lines = append(lines, mark+line)
	}
	return lines
}
