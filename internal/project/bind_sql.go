// Checks the SQL files that make a pipeline's columns.

package project

import (
	"errors"
	"slices"
	"strings"

	"bursar/internal/column"
)

// bindSQLFiles binds reduce over `events`, then merge over `delta` and `state`. Their columns are identified by name.
func (src *binding) bindSQLFiles(p *Pipeline, e *Events, made *BoundTypes) {
	src.checkUnorderedVersions(p, e)
	key := e.KeyTypes()
	given, lines, ok := src.bindSQLFile(p.Reduce, map[string][]column.Field{"events": e.SQLTypes()})
	if !ok {
		return
	}
	src.inFile(p.Reduce, func(file *sourceFile) {
		for i, c := range given {
			switch at := indexFold(key, c.Name); {
			case at >= 0:
				file.fits(lines[i], key[at], c.Type)
			case strings.HasPrefix(c.Name, "_"):
				file.fail(lines[i], "column %s: names that begin with _ are kept for hidden columns", brief(c.Name))
			default:
				made.Delta = append(made.Delta, c)
			}
		}
		file.checkMissing(key, given, "the key column")
	})
	if len(src.errs) == 0 {
		src.bindMergeFile(p, key, made)
	}
}

// bindMergeFile binds merge, which must return the key and every typed column and nothing else.
func (src *binding) bindMergeFile(p *Pipeline, key []column.Field, made *BoundTypes) {
	wanted := slices.Clone(key)
	for i, f := range p.Artifact {
		if f.Kind == Typed {
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
	src.inFile(p.Merge, func(file *sourceFile) {
		for i, c := range given {
			if at := indexFold(wanted, c.Name); at >= 0 {
				file.fits(lines[i], wanted[at], c.Type)
				continue
			}
			file.fail(lines[i], "column %s is neither a key column nor declared with a `type` in %s", brief(c.Name), p.File)
		}
		file.checkMissing(wanted, given, "the column")
	})
}

// bindSQLFile binds one file and rejects duplicate columns.
func (src *binding) bindSQLFile(f *SQLFile, tables map[string][]column.Field) (given []column.Field, lines []int, ok bool) {
	given, lines, err := src.bindSelect(tables, f.Text)
	src.inFile(f, func(file *sourceFile) {
		if err != nil {
			line := 1
			var at interface{ Line() int }
			if errors.As(err, &at) {
				line = max(1, at.Line())
			}
			file.fail(line, "%s", strings.Join(strings.Fields(err.Error()), " "))
		}
		for i, c := range given {
			if indexFold(given[:i], c.Name) >= 0 {
				file.fail(lines[i], "column %s is given twice", brief(c.Name))
			}
		}
	})
	return given, lines, len(src.errs) == 0
}

// inFile reports errors of another file.
func (src *binding) inFile(f *SQLFile, report func(file *sourceFile)) {
	file := &sourceFile{path: f.File}
	report(file)
	src.errs = append(src.errs, file.errs...)
}

// fits reports a result that does not fit its column's type exactly. A json column accepts text, which is checked when it is
// computed.
func (s *sourceFile) fits(line int, want column.Field, got column.Type) {
	if !fits(want.Type, got) && (want.Type.Kind != column.JSON || got.Kind != column.String) {
		s.fail(line, "column %s is %s, which does not fit %s exactly; round or cast it", brief(want.Name), got, want.Type)
	}
}

// checkMissing reports columns that the SELECT does not return.
func (s *sourceFile) checkMissing(wanted, given []column.Field, what string) {
	for _, c := range wanted {
		if indexFold(given, c.Name) < 0 {
			s.fail(1, "the SELECT does not give %s %s", what, brief(c.Name))
		}
	}
}

// indexFold finds a column by name; SQL names are not case-sensitive.
func indexFold(fields []column.Field, name string) int {
	return slices.IndexFunc(fields, func(c column.Field) bool { return strings.EqualFold(c.Name, name) })
}
