// bursar exceptions: lists open items with their age and sums.

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/project"
	"bursar/internal/reconcile/query"

	"github.com/spf13/cobra"
)

func (c *cli) exceptionsCommand() *cobra.Command {
	var o rowFlags
	var sort []string
	cmd := &cobra.Command{
		Use:   "exceptions PIPELINE",
		Short: "List open items, oldest first",
		Long: `Lists the artifacts for which the pipeline's exceptions.where is true now, oldest first, with the declared date and their age
in days since then. Below the table are their number and, for each currency of the key, the sums of the decimals and whole
numbers declared with sum or is: of all of them, not only of the rows shown. --json and the other formats list all of them, unless --limit is given.`,
		Example: `  bursar exceptions orders
  bursar exceptions orders --columns order_id,balance,status --sort -balance
  bursar exceptions orders --limit 100 --offset 200
  bursar exceptions orders --format vertical --limit 3
  bursar exceptions orders --to open.csv`,
		RunE: onPipeline(c.toList(&o), func(ctx context.Context, a *app.App, p *project.Pipeline, _ []string) error {
			return c.exceptions(ctx, a, p, &o, sort)
		}),
	}
	o.addTo(cmd, 20, "exceptions")
	cmd.Flags().StringSliceVar(&sort, "sort", nil, "sort by these columns; descending with a dash before the name")
	return cmd
}

// ageColumn is the column with an exception's age. An artifact column of this name takes its place.
const ageColumn = "age_days"

var ageField = typedFields(ageColumn + " bigint")

func (c *cli) exceptions(ctx context.Context, a *app.App, p *project.Pipeline, o *rowFlags, sort []string) error {
	fields, err := a.Queries.ArtifactFields(ctx, p.Name)
	if err != nil {
		return err
	}
	for _, name := range sort {
		if _, _, err := (&rowFlags{columns: []string{strings.TrimPrefix(name, "-")}}).choose(fields, nil, false); err != nil {
			return err
		}
	}
	l := exceptionListing(p, fields)
	l.currency = cmp.Or(groupColumn(a.Project, p), currencyColumn)
	sums := newFieldSums(p, fields, l.currency)
	l.after = func(w io.Writer, rows int) {
		if rows == 0 {
			fmt.Fprintf(w, "No exceptions in %s.\n", p.Name)
			return
		}
		fmt.Fprintf(w, "%s in %s, where %s.\n", plural(rows, "exception", "exceptions"), p.Name, printable(p.Exceptions.Where))
		sums.print(w, width(c.out) > 0)
	}
	return printRows(c, o, l, func(add func(query.Exception) error) error {
		return a.Queries.Exceptions(ctx, p.Name, sort, func(x query.Exception) error {
			if o.forPeople() {
				sums.add(x.Values())
			}
			return add(x)
		})
	})
}

// exceptionListing is the key, since when and for how long an exception is open, and the other columns of the artifact.
func exceptionListing(p *project.Pipeline, fields []column.Field) *listing[query.Exception] {
	key, rest := fields[:len(p.Key)], slices.Clone(fields[len(p.Key):])
	l := &listing[query.Exception]{name: "exceptions", fields: slices.Clone(key), show: p.Show}
	if at := slices.IndexFunc(rest, func(f column.Field) bool { return f.Name == p.Exceptions.Since }); at >= 0 {
		l.fields, rest = append(l.fields, rest[at]), slices.Delete(rest, at, at+1)
		if !slices.ContainsFunc(fields, func(f column.Field) bool { return f.Name == ageColumn }) {
			l.fields = append(l.fields, ageField...)
			if at := slices.Index(l.show, p.Exceptions.Since); at >= 0 {
				l.show = slices.Insert(slices.Clone(l.show), at+1, ageColumn)
			}
		}
	}
	l.fields = append(l.fields, rest...)
	age, values := newRowBuilder(ageField), make([]cell, len(l.fields))
	l.values = func(x query.Exception) ([]cell, error) {
		var days any
		if x.AgeDays != nil {
			days = *x.AgeDays
		}
		made, err := age.row(days)
		if err != nil {
			return nil, err
		}
		columns, row := x.Values()
		for i, f := range l.fields {
			values[i] = made[0]
			if at := slices.IndexFunc(fields, func(a column.Field) bool { return a.Name == f.Name }); at >= 0 {
				values[i] = cell{&columns[at], row}
			}
		}
		return values, nil
	}
	return l
}

// currencyColumn is the name of the column with the currency, where no control total is grouped.
const currencyColumn = "currency"

// groupColumn returns the key column by which a control total of the pipeline's streams is grouped, or "".
func groupColumn(all *project.Project, p *project.Pipeline) string {
	for _, name := range p.From {
		for _, t := range all.Stream(name).Totals {
			if at := slices.Index(p.KeyOf(name), t.By); at >= 0 {
				return p.Key[at]
			}
		}
	}
	return ""
}

// fieldSums sums decimals and whole numbers of artifacts by a column, which contains the currency: amounts of several are never added up.
type fieldSums struct {
	names  []string
	places []int // of the columns
	group  int   // place of the column that the sums are grouped by, or -1
	sums   []*column.Sums
}

func newFieldSums(p *project.Pipeline, fields []column.Field, group string) *fieldSums {
	s := &fieldSums{group: -1}
	for i, f := range fields {
		if f.Name == group {
			s.group = i
		}
		made := p.Fold(f.Name)
		if slices.Contains(project.NumberKinds, f.Type.Kind) && made != nil && (made.Kind == project.Sum || made.Kind == project.Is) {
			s.names, s.places = append(s.names, f.Name), append(s.places, i)
			s.sums = append(s.sums, column.NewSums(f.Type.Scale))
		}
	}
	return s
}

func (s *fieldSums) add(columns []column.Vector, row int) {
	one := func(place int) *column.Vector {
		v := column.NewVector(columns[place].Type, 1)
		v.AppendFrom(&columns[place], row)
		return &v
	}
	var by *column.Vector
	if s.group >= 0 && len(s.sums) > 0 {
		by = one(s.group)
	}
	for i, place := range s.places {
		s.sums[i].Add(one(place), by, nil)
	}
}

// print writes a line for each group. Columns with a sum of more than 38 digits are named instead.
func (s *fieldSums) print(w io.Writer, terminal bool) {
	lines := map[string][]string{}
	var tooLong []string
	for i, sums := range s.sums {
		texts, err := sums.Text()
		if err != nil {
			tooLong = append(tooLong, s.names[i])
			continue
		}
		for group, text := range texts {
			if terminal {
				text = formatMoney(text, group)
			}
			lines[group] = append(lines[group], s.names[i]+" "+text)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(lines)) {
		brackets := inBrackets(group)
		if group == "" && s.group >= 0 {
			brackets = " (without currency)"
		}
		fmt.Fprintf(w, "sum%s: %s\n", brackets, printable(strings.Join(lines[group], ", ")))
	}
	for _, name := range tooLong {
		fmt.Fprintf(w, "sum of %s: more than 38 digits\n", name)
	}
}
