// Checks the SQL files that make a pipeline's columns.

package bind

import (
	"errors"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// bindSQLFiles binds reduce over `events`, then merge over `delta` and `state`. Their columns are identified by name.
func (src *binding) bindSQLFiles(p *project.Pipeline, e *project.Events, made *Types) {
	src.checkUnorderedVersions(p, e)
	key := e.KeyTypes()
	given, lines, ok := src.bindSQLFile(p.Reduce, map[string][]column.Field{"events": e.SQLTypes()})
	if !ok {
		return
	}
	src.inFile(p.Reduce, func(file *doc.File) {
		for i, c := range given {
			switch at := indexFold(key, c.Name); {
			case at >= 0:
				checkFits(file, lines[i], key[at], c.Type)
			case strings.HasPrefix(c.Name, "_"):
				file.Fail(lines[i], "column %s: names that begin with _ are kept for hidden columns", doc.Brief(c.Name))
			default:
				made.Delta = append(made.Delta, c)
			}
		}
		checkMissing(file, key, given, "the key column")
	})
	if len(src.Errs) == 0 {
		src.bindMergeFile(p, key, made)
	}
}

// bindMergeFile binds merge, which must return the key and every typed column and nothing else.
func (src *binding) bindMergeFile(p *project.Pipeline, key []column.Field, made *Types) {
	wanted := slices.Clone(key)
	for i, f := range p.Artifact {
		if f.Kind == project.Typed {
			wanted = append(wanted, made.Types[i])
		}
	}
	given, lines, ok := src.bindSQLFile(p.Merge, map[string][]column.Field{
		"delta": append(slices.Clone(key), made.Delta...),
		"state": append(slices.Clone(key), made.Types...),
	})
	if !ok {
		return
	}
	src.inFile(p.Merge, func(file *doc.File) {
		for i, c := range given {
			if at := indexFold(wanted, c.Name); at >= 0 {
				checkFits(file, lines[i], wanted[at], c.Type)
				continue
			}
			file.Fail(lines[i], "column %s is neither a key column nor declared with a `type` in %s", doc.Brief(c.Name), p.File)
		}
		checkMissing(file, wanted, given, "the column")
	})
}

// bindSQLFile binds one file and rejects duplicate columns.
func (src *binding) bindSQLFile(f *project.SQLFile, tables map[string][]column.Field) (given []column.Field, lines []int, ok bool) {
	given, lines, err := src.binder.Select(src.ctx, tables, f.Text)
	src.inFile(f, func(file *doc.File) {
		if err != nil {
			line := 1
			var at interface{ Line() int }
			if errors.As(err, &at) {
				line = max(1, at.Line())
			}
			file.Fail(line, "%s", strings.Join(strings.Fields(err.Error()), " "))
		}
		for i, c := range given {
			if indexFold(given[:i], c.Name) >= 0 {
				file.Fail(lines[i], "column %s is given twice", doc.Brief(c.Name))
			}
		}
	})
	return given, lines, len(src.Errs) == 0
}

// inFile reports errors of another file.
func (src *binding) inFile(f *project.SQLFile, report func(file *doc.File)) {
	file := &doc.File{Path: f.File}
	report(file)
	src.Errs = append(src.Errs, file.Errs...)
}

// checkFits reports a result that does not fit its column's type exactly. A json column accepts text, which is checked when it is
// computed.
func checkFits(s *doc.File, line int, want column.Field, got column.Type) {
	if !fits(want.Type, got) && (want.Type.Kind != column.JSON || got.Kind != column.String) {
		s.Fail(line, "column %s is %s, which does not fit %s exactly; round or cast it", doc.Brief(want.Name), got, want.Type)
	}
}

// checkMissing reports columns that the SELECT does not return.
func checkMissing(s *doc.File, wanted, given []column.Field, what string) {
	for _, c := range wanted {
		if indexFold(given, c.Name) < 0 {
			s.Fail(1, "the SELECT does not give %s %s", what, doc.Brief(c.Name))
		}
	}
}

// indexFold finds a column by name; SQL names are not case-sensitive.
func indexFold(fields []column.Field, name string) int {
	return slices.IndexFunc(fields, func(c column.Field) bool { return strings.EqualFold(c.Name, name) })
}
