// Package pgask checks statements of people for the warehouses that speak PostgreSQL's protocol, and converts the errors about them. The
// transaction is read-only, and the protocol takes one statement; this package refuses what that allows: functions and views that read
// files, settings or secrets, send signals, lock, or execute other statements. It also does so for a superuser, since the owner of a
// warehouse often is one: rights, or another role for the transaction, would not help, as set_config() gives them back.
//
// It splits the text into tokens, as the server does, and asks the server about the functions that are called. It must not know what the
// warehouse is used for.
package pgask

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/warehouse"
)

// Check refuses a statement, and limits the next one in the transaction to the time that ctx has. own are the beginnings of the names of the
// database's own tables, beside those of PostgreSQL.
func Check(ctx context.Context, tx pgx.Tx, sql string, own ...string) error {
	list, err := checked(ctx, tx, sql, own)
	if err == nil {
		err = checkLocks(sql, list)
	}
	if err != nil {
		return err
	}
	return limitTime(ctx, tx)
}

// CheckSelect refuses a SELECT that the project declares. It may lock rows.
func CheckSelect(ctx context.Context, tx pgx.Tx, sql string, own ...string) error {
	_, err := checked(ctx, tx, sql, own)
	return err
}

func checked(ctx context.Context, tx pgx.Tx, sql string, own []string) ([]token, error) {
	list, err := tokens(sql)
	if err != nil {
		return nil, err
	}
	calls, err := checkTokens(sql, list, own)
	if err != nil {
		return nil, err
	}
	return list, checkCalls(ctx, tx, sql, calls)
}

// serverMargin is how much longer the server works on a statement than its caller waits, who stops it if the connection is alive.
const serverMargin = 2 * time.Second

func limitTime(ctx context.Context, tx pgx.Tx) error {
	deadline, limited := ctx.Deadline()
	if !limited {
		return nil
	}
	left := max(time.Until(deadline), 0) + serverMargin
	_, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", left.Milliseconds()))
	return err
}

// beginnings are the words that a statement may begin with. A SELECT may write in none of its forms, as the transaction is read-only.
var beginnings = []string{"select", "with", "values", "table"}

// locks are the words behind FOR that lock rows.
var locks = []string{"update", "share", "no", "key"}

// checkTokens refuses statements by their words. It returns the functions that the statement calls.
func checkTokens(sql string, list []token, own []string) (calls []token, err error) {
	last := len(list)
	for last > 0 && list[last-1].is(";") {
		last--
	}
	list = list[:last]
	if len(list) == 0 {
		return nil, refuse(sql, 0, "there is no statement")
	}
	if first := afterExplain(list); !slices.Contains(beginnings, first.text) || first.kind != word {
		return nil, refuse(sql, list[0].at, "only a statement that reads is executed: SELECT, WITH, VALUES, TABLE, or EXPLAIN of one")
	}
	for i, t := range list {
		switch {
		case t.is(";"):
			return nil, refuse(sql, t.at, "one statement is executed at a time; another one follows here")
		case t.kind == parameter:
			return nil, refuse(sql, t.at, "a parameter has no value here: write the value in its place")
		case t.kind == word && t.text == "into":
			return nil, refuse(sql, t.at, "INTO is refused: nothing is written")
		case t.isName() && isRefused(lower(t.text), own): // Redshift does not distinguish names in quotes by case
			return nil, refuse(sql, t.at, "%s is refused: it may read files, settings or secrets", t.text)
		case t.kind == quoted && strings.Contains(t.text, `\`) && i+1 < len(list) && list[i+1].is("("):
			return nil, refuse(sql, t.at, "a backslash in the name of a function is refused")
		case t.isName() && i+1 < len(list) && list[i+1].is("("):
			calls = append(calls, t)
		}
	}
	return calls, nil
}

func checkLocks(sql string, list []token) error {
	for i, t := range list {
		if t.isWord("for") && i+1 < len(list) && list[i+1].kind == word && slices.Contains(locks, list[i+1].text) {
			return refuse(sql, t.at, "FOR %s is refused: nothing is locked", strings.ToUpper(list[i+1].text))
		}
	}
	return nil
}

// explainOptions are the first words in the brackets behind EXPLAIN.
var explainOptions = []string{"analyze", "verbose", "costs", "settings", "generic_plan", "buffers", "serialize", "wal", "timing", "summary", "memory", "format"}

// afterExplain returns the word that a statement begins with: that of the explained one, as PostgreSQL executes EXPLAIN ANALYZE CREATE TABLE AS
// in a transaction that is read-only, too.
func afterExplain(list []token) token {
	if list[0].isWord("explain") {
		list = list[1:]
		for len(list) > 0 && (list[0].isWord("analyze") || list[0].isWord("verbose")) {
			list = list[1:]
		}
		if len(list) > 1 && list[0].is("(") && slices.Contains(explainOptions, list[1].text) {
			end := slices.IndexFunc(list, func(t token) bool { return t.is(")") })
			list = list[end+1:]
		}
	}
	for len(list) > 0 && list[0].is("(") {
		list = list[1:]
	}
	if len(list) == 0 {
		return token{}
	}
	return list[0]
}

// readable are the names that begin as those of PostgreSQL do, and only describe tables.
var readable = strings.Fields(`pg_catalog pg_class pg_namespace pg_attribute pg_attrdef pg_type pg_enum pg_index pg_constraint pg_description
	pg_tables pg_views pg_matviews pg_indexes pg_table_def pg_typeof pg_get_viewdef pg_get_constraintdef pg_get_indexdef pg_get_expr
	pg_get_userbyid pg_table_is_visible pg_column_size pg_relation_size pg_total_relation_size pg_table_size pg_indexes_size pg_size_pretty`)

// isRefused reports whether a table or function of the database itself is refused, wherever its name stands. The catalog has views of
// files and passwords, which a superuser may read.
func isRefused(name string, own []string) bool {
	if slices.ContainsFunc(own, func(beginning string) bool { return strings.HasPrefix(name, beginning) }) {
		return true
	}
	switch name {
	case "current_setting", "user_mapping_options", "foreign_server_options":
		return true
	}
	isOwn := strings.HasPrefix(name, "pg_") || strings.HasPrefix(name, "_pg_")
	return isOwn && !slices.Contains(readable, name) || strings.Contains(name, "_to_xml") // which reads any table by a text
}

// harmless are functions that PostgreSQL calls volatile and that only compute something.
var harmless = strings.Fields(`random random_normal clock_timestamp timeofday gen_random_uuid uuidv4 uuidv7 bernoulli system
	pg_relation_size pg_total_relation_size pg_table_size pg_indexes_size`)

// callsSQL finds, of some names, those of functions that may do more than compute or read tables: volatile ones, and such as the
// database does not bring itself unless they only compute. A function of an extension may execute a statement that it gets as a text.
const callsSQL = `SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.proname IN (%s) AND (p.provolatile = 'v' OR p.provolatile = 's' AND n.nspname <> 'pg_catalog')`

// checkCalls refuses calls of functions by what the server knows about them. A function that does not exist is left to the server.
func checkCalls(ctx context.Context, tx pgx.Tx, sql string, calls []token) error {
	names := []string{"''"}
	for _, c := range calls {
		if !slices.Contains(harmless, c.text) {
			names = append(names, warehouse.Literal(c.text), warehouse.Literal(lower(c.text)))
		}
	}
	slices.Sort(names)
	rows, err := tx.Query(ctx, fmt.Sprintf(callsSQL, strings.Join(slices.Compact(names), ", ")))
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, c := range calls {
		if slices.Contains(found, c.text) || slices.Contains(found, lower(c.text)) {
			return refuse(sql, c.at, "function %s() is refused: it may do more than compute a value or read tables", c.text)
		}
	}
	return nil
}

func refuse(sql string, at int, format string, args ...any) error {
	e := &warehouse.StatementError{Message: fmt.Sprintf(format, args...)}
	e.Line, e.Column = warehouse.PlaceAfter(sql[:at])
	return e
}
