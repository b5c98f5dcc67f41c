// bursar query: asks the warehouse a question in SQL, or lists its tables.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/failure"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/ask"

	"github.com/spf13/cobra"
)

// queryFlags are a question as the command line gives it.
type queryFlags struct {
	rows    rowFlags
	file    string
	tables  bool
	timeout time.Duration
	sql     string
	from    string // what is run: the command's name, or the file
}

const (
	queryRows    = 1000
	queryTimeout = time.Minute
)

func (c *cli) queryCommand() *cobra.Command {
	q := queryFlags{rows: rowFlags{more: []string{listFormat}}}
	cmd := &cobra.Command{
		Use:   "query [SQL]",
		Short: "Ask the warehouse a question in SQL",
		Long: `Runs one statement that reads the tables of the project's warehouse, in its own dialect: DuckDB's, PostgreSQL's or Redshift's.
The statement is an argument, a file (--file), or standard input (-). --tables lists the tables with their columns.

A table shows the first 1,000 rows; --limit shows more or fewer, and 0 all. All other formats have all rows, unless --limit
is given:

  table, vertical  for people; null is –
  csv              a header, then one line per row; null is empty
  json             one value {"columns":[{"name","type"}],"rows":[[…]],"truncated"}; --json prints the same
  jsonl            one object per row
  parquet          typed columns

Decimals are exact, with all their digits; in JSON they are strings. Timestamps are RFC 3339 in UTC. Values of types that
streams do not have, such as DOUBLE, are the text that the database prints. Columns of the same name get numbers: a, a_2.

Nothing but reading is possible: a statement that could read a file, write, change a setting, or execute another statement is
refused, and so is every function that is not known to be harmless. A statement may have 64 KiB, and may take --timeout.`,
		Example: `  bursar query --tables
  bursar query "SELECT status, count(*), sum(balance) FROM orders GROUP BY status"
  bursar query --file revenue.sql --to revenue.csv
  echo "SELECT * FROM bursar_freshness" | bursar query - --json
  bursar query "FROM events_payments" --to payments.parquet --timeout 10m`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := q.check(cmd, args, c.json); err != nil {
				return err
			}
			if err := c.readQuestion(&q, args); err != nil {
				return err
			}
			return c.openToRead(cmd, func(ctx context.Context, a *app.App) error {
				db, err := a.Warehouse(ctx)
				switch {
				case err != nil:
					return err
				case q.tables:
					return c.listTables(ctx, db, &q.rows)
				}
				return c.query(ctx, a, db, &q)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.file, "file", "", "run the statement in this `file`")
	flags.BoolVar(&q.tables, "tables", false, "list the tables and views with their columns")
	flags.StringVar(&q.rows.format, "format", "", "table, vertical, csv, json, jsonl or parquet")
	flags.StringVar(&q.rows.to, "to", "", "write to this `file`: .csv, .json, .jsonl or .parquet; - is standard output")
	countVar(flags, &q.rows.limit, "limit", queryRows, "maximum number of rows of a table; if given, of every format; 0: all")
	flags.DurationVar(&q.timeout, "timeout", queryTimeout, "maximum time of the statement, with reading its rows; 0: no limit")
	return cmd
}

func (q *queryFlags) check(cmd *cobra.Command, args []string, json bool) error {
	given := len(args)
	if cmd.Flags().Changed("file") {
		given++
	}
	switch {
	case q.tables && given > 0:
		return usagef("--tables lists the tables: it cannot be combined with a statement")
	case !q.tables && given != 1:
		return usagef("give one statement: as an argument, with --file, or - for standard input")
	case q.timeout < 0:
		return usagef("--timeout %s: use a time that is not negative", q.timeout)
	}
	return q.rows.check(cmd, json)
}

// readQuestion reads the statement. A statement from standard input is kept for the process that executes the command.
func (c *cli) readQuestion(q *queryFlags, args []string) (err error) {
	switch {
	case q.tables:
	case q.file != "":
		q.from = q.file
		q.sql, err = readQuestionFile(c.path(q.file))
	case args[0] == "-":
		q.from = "standard input"
		c.input, err = io.ReadAll(io.LimitReader(c.in, ask.MaxBytes+1))
		q.sql = string(c.input)
	default:
		q.from, q.sql = "query", args[0]
	}
	return err
}

// readQuestionFile reads a file, and no more of it than can be run.
func readQuestionFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read statement: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, ask.MaxBytes+1))
	if err != nil {
		return "", failure.Wrap(failure.Data, fmt.Errorf("read statement: %w", err))
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}

// query runs the statement and prints its rows.
func (c *cli) query(ctx context.Context, a *app.App, db warehouse.Database, q *queryFlags) error {
	c.warnOf(ctx, a, db, q.sql)
	question := ask.Question{SQL: q.sql, Timeout: q.timeout}
	if q.rows.limited || q.rows.forPeople() {
		question.Rows = int64(q.rows.limit)
	}
	return c.writeOut(&q.rows, func(w io.Writer) (int64, error) {
		p := &answerPrinter{cli: c, flags: &q.rows, w: w}
		answer, err := ask.Run(ctx, db, question, p.take)
		switch {
		case p.failed != nil:
			return 0, p.failed
		case err != nil:
			return 0, explainQuestion(ctx, db, fmt.Errorf("run %s: %w", q.from, err))
		}
		return answer.Rows, p.end(answer)
	})
}

// warnOf prints why the rows that a statement sees may not be all, or not the right ones.
func (c *cli) warnOf(ctx context.Context, a *app.App, db warehouse.Database, sql string) {
	texts, err := a.StatementWarnings(ctx, db, sql)
	if err != nil {
		c.log.Warn("cannot read what is archived, and which tables differ", "error", err)
	}
	c.warn(texts)
}

func (c *cli) warn(texts []string) {
	for _, text := range texts {
		fmt.Fprintf(c.err, "warning: %s\n", printable(text))
	}
}

// explainQuestion adds the next step to the error of a statement.
func explainQuestion(ctx context.Context, db warehouse.Database, err error) error {
	var late *ask.TimeoutError
	var fault *warehouse.StatementError
	switch {
	case errors.As(err, &late):
		return withHint(err, "--timeout gives it more; it takes less time if it reads fewer rows")
	case !errors.As(err, &fault) || !fault.UnknownTable:
		return err
	}
	names, failed := ask.Names(ctx, db)
	switch {
	case failed != nil:
		return err
	case !ask.HasData(names):
		return withHint(err, nothingPublished)
	}
	return withHint(err, "there are %s; `bursar query --tables` lists their columns", listNames(names))
}

const nothingPublished = "nothing is published yet: `bursar publish` does so, and so does `bursar up` while it runs"

// listedNames is how many names an error lists.
const listedNames = 12

func listNames(names []string) string {
	if more := len(names) - listedNames; more > 0 {
		return fmt.Sprintf("%s and %s more", strings.Join(names[:listedNames], ", "), formatCount(more))
	}
	return strings.Join(names, ", ")
}
