// Parses the SQL of models: one SELECT each, with the tables and parameters in it.

package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/project"
	"bursar/internal/project/doc"
)

// Parser parses a SELECT, and names what it reads.
type Parser interface {
	References(ctx context.Context, sql string) (duck.References, error)
}

// Parse parses the models of a project that have no errors of declaration, and returns the errors in their SQL, sorted by file and line.
// Whether tables and columns exist is only known in the warehouse.
func Parse(ctx context.Context, parser Parser, p *project.Project) (*Graph, []doc.Error) {
	g := &Graph{named: map[string]*Node{}}
	var faults []doc.Error
	for _, m := range p.Models {
		if m.Broken() {
			continue
		}
		q := modelParser{parser: parser, model: m, isDuckDB: p.Config.Warehouse.Kind == project.DuckDBWarehouse, equals: map[*project.ModelTest]string{}}
		q.parse(ctx)
		n := &Node{Model: m, Tables: q.tables, sql: q.sql, equals: q.equals}
		g.Nodes, g.named[m.Name] = append(g.Nodes, n), n
		faults = append(faults, q.faults...)
	}
	faults = append(faults, g.sort()...)
	doc.SortErrors(faults)
	return g, faults
}

// modelParser parses the SQL of one model.
type modelParser struct {
	parser   Parser
	model    *project.Model
	isDuckDB bool // the database whose parser this is

	sql    string
	equals map[*project.ModelTest]string
	tables []Table
	faults []doc.Error
}

func (q *modelParser) fail(line int, format string, args ...any) {
	q.faults = append(q.faults, doc.Error{File: q.model.File, Line: line, Message: fmt.Sprintf(format, args...)})
}

func (q *modelParser) parse(ctx context.Context) {
	for _, table := range q.model.Depends {
		q.add(table, q.model.Lines().At("depends"))
	}
	q.checkParameters()
	if q.sql = q.statement(q.model.SQL, 0); q.sql != "" {
		q.references(ctx)
	}
	q.checkIncremental(q.sql, 0)
	for i := range q.model.Tests {
		if t := &q.model.Tests[i]; t.Kind == project.Balanced && t.Total == "" {
			q.checkEquals(ctx, t)
		}
	}
}

// add adds a table once. Names are compared in lower case, as databases do without quotes.
func (q *modelParser) add(name string, line int) {
	if name = strings.ToLower(name); !slices.ContainsFunc(q.tables, func(t Table) bool { return t.Name == name }) {
		q.tables = append(q.tables, Table{name, line})
	}
}

// statement returns the only statement of a text without its semicolon, or "" if it has several or none. A text from the header is all at
// one line, which is not 0.
func (q *modelParser) statement(sql string, line int) string {
	tokens := scan(sql)
	at := func(t token) int {
		if line > 0 {
			return line
		}
		return lineOf(sql, t.from)
	}
	i := slices.IndexFunc(tokens, func(t token) bool { return t.kind == semicolon })
	switch {
	case len(tokens) == 0 || i == 0:
		q.fail(max(line, q.model.Line), "there is no SELECT")
		return ""
	case i > 0 && i < len(tokens)-1:
		q.fail(at(tokens[i+1]), "a second statement starts here: a model is one SELECT")
		return ""
	case i > 0:
		sql = sql[:tokens[i].from] + " " + sql[tokens[i].to:]
	}
	first := strings.ToUpper(sql[tokens[0].from:tokens[0].to])
	if !slices.Contains([]string{"SELECT", "WITH", "(", "VALUES", "FROM"}, first) {
		q.fail(at(tokens[0]), "a model is one SELECT: nothing else is run")
		return ""
	}
	return sql
}

// references finds the tables in the SQL. A database other than DuckDB may have SQL that DuckDB's parser does not read.
func (q *modelParser) references(ctx context.Context) {
	text, ok := q.expanded(q.sql, 0)
	if !ok {
		return
	}
	found, err := q.parser.References(ctx, text)
	var refused *duck.SelectError
	switch {
	case errors.As(err, &refused) && q.isDuckDB:
		q.fail(max(refused.Line(), 1), "%s", refused.Message)
	case errors.As(err, &refused) && q.model.Lines()["depends"] == 0:
		q.fail(max(refused.Line(), 1), "%s; if this is right for the warehouse's database, list the tables that the SQL refers to in `depends`: they are found with DuckDB's parser", refused.Message)
	case errors.As(err, &refused): // the tables are those of `depends`
	case err != nil:
		q.fail(q.model.Line, "cannot be parsed: %v", err)
	default:
		q.addReferences(found)
	}
}

func (q *modelParser) addReferences(found duck.References) {
	for _, f := range found.Functions {
		if q.isDuckDB {
			q.fail(f.Line, "table function %s() is refused: a model reads tables of the warehouse; load files with warehouse/*.yaml", f.Name)
		}
	}
	for _, refused := range found.Refused {
		if q.isDuckDB {
			q.fail(refused.Line(), "%s", refused.Message)
		}
	}
	for _, t := range found.Tables {
		if t.Schema == "" || q.isDuckDB && strings.EqualFold(t.Schema, "main") { // other schemas are other people's
			q.add(t.Name, t.Line)
		}
	}
}

// checkEquals parses the query of a test, whose errors are at the line of the test.
func (q *modelParser) checkEquals(ctx context.Context, t *project.ModelTest) {
	sql := q.statement(t.Equals, t.Line)
	if sql == "" {
		return
	}
	q.equals[t] = sql
	q.checkIncremental(sql, t.Line)
	text, ok := q.expanded(sql, t.Line)
	if !ok {
		return
	}
	found, err := q.parser.References(ctx, text)
	if err != nil && q.isDuckDB {
		q.fail(t.Line, "`equals`: %v", err)
	}
	switch {
	case !q.isDuckDB:
	case len(found.Functions) > 0:
		q.fail(t.Line, "`equals`: table function %s() is refused: a test reads tables of the warehouse", found.Functions[0].Name)
	case len(found.Refused) > 0:
		q.fail(t.Line, "`equals`: %s", found.Refused[0].Message)
	}
}

// expanded returns a text with nulls or defaults in place of parameters, as the parser reads it.
func (q *modelParser) expanded(sql string, line int) (string, bool) {
	before := len(q.faults)
	text, err := expand(sql, func(name string, at int) (string, error) {
		switch p := q.model.Parameter(name); {
		case p != nil:
			return fmt.Sprintf("CAST(NULL AS %s)", parserTypes(p.Type)), nil
		case isReserved(name):
			return "NULL", nil
		}
		if line > 0 {
			at = line
		}
		q.fail(at, "parameter :%s is not declared%s", name, doc.DidYouMean(name, q.parameterNames()))
		return "NULL", nil
	})
	return text, err == nil && len(q.faults) == before
}

func (q *modelParser) parameterNames() []string {
	names := []string{lastRun, thisRun}
	for _, p := range q.model.Parameters {
		names = append(names, p.Name)
	}
	return names
}

// checkParameters reports parameters with the names of those that every model has, and defaults that do not fit their type.
func (q *modelParser) checkParameters() {
	for _, p := range q.model.Parameters {
		if isReserved(p.Name) {
			q.fail(p.Line, "a parameter cannot be named %s: Bursar sets it", p.Name)
		}
		if !p.Given || p.Type.Kind == column.JSON {
			continue
		}
		if _, err := literalOf(p.Type, p.Default, parserTypes); err != nil {
			q.fail(p.Line, "the default of parameter %s: %v", p.Name, err)
		}
	}
}

// checkIncremental reports parameters that only incremental models have, and those about tables that the model does not read.
func (q *modelParser) checkIncremental(sql string, line int) {
	for _, t := range scan(sql) {
		if t.kind != parameter {
			continue
		}
		name, at := sql[t.from+1:t.to], line
		if at == 0 {
			at = lineOf(sql, t.from)
		}
		table, isAfter := strings.CutPrefix(name, after)
		switch {
		case !isReserved(name):
		case line > 0:
			q.fail(at, "a test has no :%s", name)
		case name == thisRun && q.model.Materialize == project.AsView:
			q.fail(at, "a view has no :%s: it is not run when it is read", name)
		case name != thisRun && q.model.Materialize != project.AsIncremental:
			q.fail(at, ":%s is for incremental models", name)
		case isAfter && !slices.ContainsFunc(q.tables, func(t Table) bool { return t.Name == table }):
			q.fail(at, ":%s: the model does not refer to table %s", name, table)
		}
	}
}
