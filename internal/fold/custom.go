// The SQL around a project's own SQL files, and the check of their row counts.

package fold

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/project"
)

// The engine counts events itself and compares the keys with those that a project's own SQL returns: a missing or additional row
// would change artifacts by what their batches do not contain (rule 4).

// customReduce is the SQL of a delta made by the reduce file from the columns that it may use: each key with its count of events,
// sorted by key.
func customReduce(plan *Plan) string {
	var key []string
	for _, k := range plan.Events.Key {
		key = append(key, keySQL(k))
	}
	counted := fmt.Sprintf("SELECT %s, count(*) AS %s FROM events GROUP BY ALL", strings.Join(key, ", "), column.QuoteIdentifier(EventCount))
	made := fmt.Sprintf("WITH events AS (SELECT %s FROM events)\nSELECT * FROM (%s\n)", Names(plan.Events.SQLTypes()), statement(plan.Pipeline.Reduce))
	list := append(Quoted(plan.Key), column.QuoteIdentifier(EventCount))
	for _, c := range plan.Delta[1:] {
		list = append(list, castAs(column.QuoteIdentifier(c.Name), c))
	}
	return fmt.Sprintf("SELECT %s\nFROM (%s) WHERE %s ORDER BY %s", strings.Join(list, ",\n  "),
		plan.joinByKey(counted, made, plan.Delta[1:]), guard(plan.Pipeline.Reduce, "events"), Names(plan.Key))
}

// customMerge is the SQL of the record made by the merge file from delta and state. The file sees both without hidden columns, and
// the state without the rows of new keys.
func customMerge(plan *Plan) string {
	count := column.QuoteIdentifier(EventCount)
	pairs := fmt.Sprintf("SELECT %s, coalesce(s.%s, 0) + d.%s AS %s, %s AS %s FROM delta AS d POSITIONAL JOIN state AS s",
		strings.Join(prefixed("d", plan.Key), ", "), count, count, count, plan.alignedSQL(), Aligned)
	var stored, typed []column.Field
	for i, f := range plan.Pipeline.Artifact {
		c := plan.column(f.Name)
		stored = append(stored, c)
		if plan.Pipeline.Artifact[i].Kind == project.Typed {
			typed = append(typed, c)
		}
	}
	made := fmt.Sprintf("WITH delta AS (SELECT %s FROM delta), state AS (SELECT %s FROM state WHERE %s IS NOT NULL)\nSELECT * FROM (%s\n)",
		join(Quoted(plan.Key), Quoted(plan.Delta[1:])), join(Quoted(plan.Key), Quoted(stored)), count, statement(plan.Pipeline.Merge))
	list := append(Quoted(plan.Key), count, Aligned)
	for _, c := range typed {
		list = append(list, typedSQL(c))
	}
	checked := fmt.Sprintf("SELECT %s\nFROM (%s) WHERE %s", strings.Join(list, ",\n  "),
		plan.joinByKey(pairs, made, typed), guard(plan.Pipeline.Merge, "a delta"))
	return plan.outputSQL(plan.WithComputed(checked), " ORDER BY "+Names(plan.Key))
}

func (plan *Plan) column(name string) column.Field { return plan.Record[plan.Position(name)].Field }

// typedSQL casts a column of the merge file to its declared type. json is returned as text, which has to be valid JSON.
func typedSQL(c column.Field) string {
	name := column.QuoteIdentifier(c.Name)
	if c.Type.Kind == column.JSON {
		name = fmt.Sprintf("CAST(%s AS JSON)", name)
	}
	return castAs(name, c)
}

// joinByKey joins the expected rows (e) with the rows that a file made (m) by key, and counts the keys that do not match one to
// one.
func (plan *Plan) joinByKey(expected, made string, columns []column.Field) string {
	var on []string
	for _, k := range Quoted(plan.Key) {
		on = append(on, fmt.Sprintf("e.%s = m.%s", k, k))
	}
	first := column.QuoteIdentifier(plan.Key[0].Name)
	list := append([]string{"e.*"}, prefixed("m", columns)...)
	list = append(list,
		fmt.Sprintf("count(*) FILTER (WHERE e.%s IS NOT NULL AND m.%s IS NULL) OVER () AS _missing", first, first),
		fmt.Sprintf("count(*) FILTER (WHERE e.%s IS NULL) OVER () AS _extra", first),
		fmt.Sprintf("row_number() OVER (PARTITION BY %s) AS _nth", strings.Join(prefixed("e", plan.Key), ", ")))
	inner := fmt.Sprintf("SELECT %s\nFROM (%s) AS e FULL JOIN (%s) AS m ON %s", strings.Join(list, ",\n  "), expected, made, strings.Join(on, " AND "))
	return fmt.Sprintf("SELECT *, count(*) FILTER (WHERE _nth = 2 AND %s IS NOT NULL) OVER () AS _double FROM (%s)", first, inner)
}

// fault starts the message about a wrong number of rows.
const fault = "must give one row for each key"

// guard stops a query whose rows do not match the keys one to one.
func guard(f *project.SQLFile, of string) string {
	return fmt.Sprintf("CASE WHEN _missing + _extra + _double > 0 THEN error(%s || _missing || ' keys have none, ' || _double || "+
		"' keys have several, and ' || _extra || ' rows are of no such key') ELSE true END",
		duck.Literal(fmt.Sprintf("%s%s %s that has %s: ", duck.RaisedPrefix, f.File, fault, of)))
}

// Explain classifies an error of a query with a project's expressions: wrong row counts and failing values have to be fixed in the
// project, and occur again with the same events.
func (plan *Plan) Explain(err error) error {
	var message duck.Error
	switch {
	case !errors.As(err, &message):
		return err
	case strings.Contains(string(message), fault):
		return failure.Wrap(failure.Data, err)
	case message.CausedByValue():
		return failure.Wrap(failure.Data, fmt.Errorf("%s: %w", plan.Declared(), err))
	}
	return err
}

// Declared names the files with the pipeline's expressions.
func (plan *Plan) Declared() string {
	if plan.Custom() {
		return fmt.Sprintf("%s, %s and %s", plan.Pipeline.File, plan.Pipeline.Reduce.File, plan.Pipeline.Merge.File)
	}
	return plan.Pipeline.File
}

// sqlPiece matches strings, quoted names and comments, in which a semicolon has no meaning, and semicolons.
var sqlPiece = regexp.MustCompile(`(?s)'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|;`)

// statement is a file's SELECT without semicolons, so that it can be nested. Binding has checked that there is only one statement.
func statement(f *project.SQLFile) string {
	return sqlPiece.ReplaceAllStringFunc(f.Text, func(piece string) string {
		if piece == ";" {
			return " "
		}
		return piece
	})
}
