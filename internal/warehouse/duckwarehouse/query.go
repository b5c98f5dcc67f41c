// Results of queries, with the types of their columns.

package duckwarehouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

func (t *tx) Query(ctx context.Context, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	columns, err := t.asker.describe(ctx, sql)
	if err == nil {
		err = t.asker.read(ctx, columns, withTexts(columns, sql, "(\n"+sql+"\n)", castToText), each)
	}
	return classify(err)
}

// read calls each with the rows of a SELECT, and with no rows if there are none.
func (a Asker) read(ctx context.Context, columns []warehouse.Column, sql string, each func(columns []warehouse.Column, rows []column.Vector) error) error {
	called := false
	err := a.session.Query(ctx, sql, func(rows []column.Vector) error {
		called = true
		for i, c := range columns {
			if c.Type.Kind == column.JSON {
				rows[i].Type = c.Type
			}
		}
		return each(columns, rows)
	})
	if err != nil || called {
		return err
	}
	types := make([]column.Type, len(columns))
	for i, c := range columns {
		types[i] = vectorType(c)
	}
	return each(columns, column.NewVectors(types, 0))
}

// describe returns the columns of a SELECT.
func (a Asker) describe(ctx context.Context, sql string) (columns []warehouse.Column, err error) {
	err = a.session.Query(ctx, describeWord+sql, func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			name := string(rows[1].Text(i))
			columns = append(columns, warehouse.Column{Name: string(rows[0].Text(i)), SQL: name, Type: TypeOf(name)})
		}
		return nil
	})
	return columns, err
}

const describeWord = "DESCRIBE "

// userErrors begin the messages about statements that DuckDB cannot execute.
var userErrors = []string{"Parser Error", "Binder Error", "Catalog Error", "Not implemented Error", "Constraint Error", "Permission Error", "TransactionContext Error"}

// classify gives errors about a statement the class Data: the statement comes from a person.
func classify(err error) error {
	var message duck.Error
	if !errors.As(err, &message) {
		return err
	}
	if isAboutStatement(message) {
		text := strings.Replace(string(message), "LINE 1: "+describeWord, "LINE 1: ", 1)
		return located(failure.Wrap(failure.Data, duck.Error(text)), text)
	}
	if strings.HasPrefix(string(message), missingFile) {
		return failure.Wrap(failure.Data, fmt.Errorf("a file that a view reads is missing: %w", message))
	}
	return err
}

// missingFile begins the message about a view over a file that does not exist any more.
const missingFile = "IO Error: No files found"

func isAboutStatement(message duck.Error) bool {
	return message.CausedByValue() || slices.ContainsFunc(userErrors, func(kind string) bool { return strings.HasPrefix(string(message), kind) })
}

var linePattern = regexp.MustCompile(`\n+LINE (\d+):`)

// located adds the line that a message names.
func located(err error, message string) error {
	at := linePattern.FindStringSubmatchIndex(message)
	if at == nil {
		return err
	}
	line, _ := strconv.Atoi(message[at[2]:at[3]]) // digits
	return &warehouse.StatementError{Err: err, Message: message[:at[0]], Line: line}
}

// withTexts returns a SELECT of what follows FROM, with the columns as text that have no column type. It is sql, the statement that from
// stands for, if all have one.
func withTexts(columns []warehouse.Column, sql, from string, asText TextSQL) string {
	names, values, all := make([]string, len(columns)), make([]string, len(columns)), true
	for i, c := range columns {
		names[i] = fmt.Sprintf("c%d", i)
		values[i] = names[i]
		if c.Type.Kind == 0 {
			values[i], all = asText(names[i], c.SQL), false
		}
	}
	if all {
		return sql
	}
	return fmt.Sprintf("SELECT %s FROM %s AS t(%s)", strings.Join(values, ", "), from, strings.Join(names, ", "))
}

// vectorType is the type of a column's values in Go.
func vectorType(c warehouse.Column) column.Type {
	if c.Type.Kind == 0 {
		return column.Type{Kind: column.String}
	}
	return c.Type
}

// kinds are the types without parameters.
var kinds = map[string]column.Kind{
	"VARCHAR": column.String, "BOOLEAN": column.Bool, "DATE": column.Date, "JSON": column.JSON,
	"TINYINT": column.Int, "SMALLINT": column.Int, "INTEGER": column.Int, "BIGINT": column.BigInt,
	"TIMESTAMP": column.Timestamp, "TIMESTAMP WITH TIME ZONE": column.Timestamp,
}

// TypeOf returns the column type of DuckDB's name of a type; no type for those that no column of a stream has.
func TypeOf(sql string) column.Type {
	if kind, ok := kinds[sql]; ok {
		return column.Type{Kind: kind}
	}
	if sql == "HUGEINT" {
		return column.Type{Kind: column.Decimal, Precision: 38}
	}
	t := column.Type{Kind: column.Decimal}
	if n, err := fmt.Sscanf(sql, "DECIMAL(%d,%d)", &t.Precision, &t.Scale); n != 2 || err != nil || sql != t.SQL() { // as lists of decimals
		return column.Type{}
	}
	return t
}
