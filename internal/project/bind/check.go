// Package bind checks the SQL of a project against the declared columns. It owns which expressions fit, the types of an artifact's
// columns, and errors with file and line for what would silently give zeros or mixed sums. It must not evaluate SQL or know DuckDB:
// a caller passes the Binder.
package bind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Binder finds the types of SQL expressions without running them. It rejects what a project must not use, such as DOUBLE results
// (rule 2).
type Binder interface {
	// Bind returns the type of an SQL expression over the columns, or an error that explains what does not bind. What the expression
	// may contain depends on when it is evaluated (rule 6).
	Bind(ctx context.Context, columns []column.Field, expr string, at column.Evaluation) (column.Type, error)
	// Analyze returns which columns a valid expression uses and compares.
	Analyze(ctx context.Context, expr string) (column.Analysis, error)
	// Select returns the columns of one SELECT over the named tables only, and the line of each column in the text, or an error that
	// explains what does not bind; a method Line() int of the error gives the line.
	Select(ctx context.Context, tables map[string][]column.Field, sql string) (columns []column.Field, lines []int, err error)
}

// Check binds every expression of a project and reports what does not bind or fit, sorted by file and line. Files in which Read
// found errors are skipped, and so are pipelines over such streams. A cancelled context causes errors: check ctx.Err() first.
func Check(ctx context.Context, p *project.Project, b Binder) []doc.Error {
	var errs []doc.Error
	for _, s := range p.Streams {
		if !s.Broken() {
			errs = append(errs, bindStream(ctx, s, b)...)
		}
	}
	for _, l := range p.Pipelines {
		if e := p.Events(l); !l.Broken() && e != nil && !slices.ContainsFunc(e.Streams, func(s *project.Stream) bool { return s.Broken() }) {
			errs = append(errs, bindPipeline(ctx, l, e, b)...)
		}
	}
	doc.SortErrors(errs)
	return errs
}

// binding binds the expressions of one file.
type binding struct {
	*doc.File
	ctx    context.Context // of the one call that binds the file
	binder Binder
}

func newBinding(ctx context.Context, file string, at doc.Lines, b Binder) *binding {
	return &binding{&doc.File{Path: file, Lines: at}, ctx, b}
}

func bindStream(ctx context.Context, s *project.Stream, b Binder) []doc.Error {
	src := newBinding(ctx, s.File, s.Lines(), b)
	for _, c := range s.Columns {
		if c.Is != "" {
			src.bindComputed(s, c)
		}
	}
	for _, t := range s.Totals {
		src.bindWhere("totals."+t.Name+".where", s.Types(), t.Where, column.AtIntake)
	}
	if len(src.Errs) == 0 {
		for _, t := range s.Totals {
			src.checkExprLiterals("totals."+t.Name+".where", t.Where, declaredDomains([]*project.Stream{s}))
		}
	}
	return src.Errs
}

func (src *binding) bindComputed(s *project.Stream, c project.Column) {
	path := "columns." + c.Name + ".is"
	t, ok := src.bind(path, s.InputTypes(), c.Is, column.AtIntake)
	if ok && !fits(c.Type, t) {
		src.FailAt(path, "`is` gives %s, which does not fit %s exactly; round or cast it in the expression", t, c.Type)
	}
}

// fits reports whether values of one type convert to another without rounding. Integer digits are not compared: the type of a product
// has more than its values need, and a value that overflows is rejected when it is computed.
func fits(declared, got column.Type) bool {
	switch declared.Kind {
	case column.Decimal:
		return got.Kind == column.Int || got.Kind == column.BigInt ||
			got.Kind == column.Decimal && got.Scale <= declared.Scale
	case column.BigInt:
		return got.Kind == column.BigInt || got.Kind == column.Int
	case column.Timestamp:
		return got.Kind == column.Timestamp || got.Kind == column.Date
	default:
		return got.Kind == declared.Kind
	}
}

func bindPipeline(ctx context.Context, p *project.Pipeline, e *project.Events, b Binder) []doc.Error {
	src := newBinding(ctx, p.File, p.Lines(), b)
	unbound := map[string]bool{} // folds with reported errors
	for i := range p.Artifact {
		f, faults := &p.Artifact[i], len(src.Errs)
		src.bindWhere("artifact."+f.Name+".where", e.Types(), f.Where, column.InRuns)
		unbound[f.Name] = len(src.Errs) > faults
	}
	made, errs := Pipeline(ctx, p, e, b)
	src.Errs = append(src.Errs, errs...)
	for i := range p.Artifact {
		name := p.Artifact[i].Name
		unbound[name] = unbound[name] || len(made.Types) == 0 || made.Types[i].Type.Kind == 0
	}
	bound := len(src.Errs) == 0
	src.bindConserve(p, made, unbound)
	if bound {
		src.bindOverArtifacts(p, e, made)
	}
	src.checkMixedSums(p, e, unbound)
	return src.Errs
}

// bindOverArtifacts binds what is evaluated over the artifacts and, if everything binds, checks what the expressions compare.
func (src *binding) bindOverArtifacts(p *project.Pipeline, e *project.Events, made Types) {
	p.Exceptions.Where = project.Instants(p.Exceptions.Where, append(e.KeyTypes(), made.Types...))
	src.bindWhere("exceptions.where", append(e.KeyTypes(), made.Types...), p.Exceptions.Where, column.InQueries)
	for _, t := range made.Types {
		if t.Name == p.Exceptions.Since && !project.IsKind(t.Type, project.TimeKinds...) {
			src.FailAt("exceptions.since", "`since` must be a date or timestamp column; %s is %s", doc.Brief(t.Name), t.Type)
		}
	}
	if len(src.Errs) == 0 {
		src.checkPipelineLiterals(p, e)
		src.checkMixedSQL(p, e)
		src.checkAddedVersions(p, e)
	}
}

// bindConserve binds the expressions compared with control totals, except those over columns that do not bind.
func (src *binding) bindConserve(p *project.Pipeline, made Types, unbound map[string]bool) {
	known := slices.DeleteFunc(slices.Clone(made.Types), func(f column.Field) bool { return unbound[f.Name] })
	for _, c := range p.Conserve {
		if len(known) < len(p.Artifact) {
			reads, err := src.binder.Analyze(src.ctx, c.Expr)
			if err != nil || slices.ContainsFunc(p.Artifact, func(f project.Fold) bool { return unbound[f.Name] && reads.Uses(f.Name) }) {
				continue
			}
		}
		t, ok := src.bind("conserve."+c.Total, known, c.Expr, column.InRuns)
		if ok && !project.IsKind(t, project.NumberKinds...) {
			src.FailAt("conserve."+c.Total, "`conserve` compares decimal, int and bigint; this is %s", t)
		}
	}
}

// bindWhere binds a condition; an empty one is always true.
func (src *binding) bindWhere(path string, columns []column.Field, expr string, when column.Evaluation) {
	if expr == "" {
		return
	}
	if t, ok := src.bind(path, columns, expr, when); ok && t.Kind != column.Bool {
		src.FailAt(path, "`where` must be true or false; this is %s", t)
	}
}

func (src *binding) bind(path string, columns []column.Field, expr string, when column.Evaluation) (column.Type, bool) {
	t, err := src.binder.Bind(src.ctx, columns, expr, when)
	if err != nil {
		src.FailAt(path, "%s", bindMessage(path, err))
	}
	return t, err == nil
}

// analyze returns the analysis of a valid expression, which may be empty.
func (src *binding) analyze(path, expr string) column.Analysis {
	if expr == "" {
		return column.Analysis{}
	}
	r, err := src.binder.Analyze(src.ctx, expr)
	if err != nil {
		src.FailAt(path, "%s", bindMessage(path, err))
	}
	return r
}

// failStored reports a fault in a declaration that earlier versions accepted.
func (src *binding) failStored(path, format string, args ...any) {
	src.FailAt(path, format, args...)
	src.Errs[len(src.Errs)-1].Stored = true
}

// bindMessage formats a binder's message, which may have several lines, on one line.
func bindMessage(path string, err error) string {
	key := path[strings.LastIndexByte(path, '.')+1:]
	return fmt.Sprintf("%s does not bind: %s", doc.Brief(key), strings.Join(strings.Fields(err.Error()), " "))
}

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
