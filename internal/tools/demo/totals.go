// Compares control totals at every step: the generator's ledger, intake, runs and artifacts.

package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"bursar/internal/app"
	"bursar/internal/tools/shop"
)

func newTotalsError(where string, want, got map[string]string) error {
	return unbalanced("control total amount of %s is %v, ledger has %v", where, got, want)
}

// add adds other amounts. Sums of all events of a shop fit into 64 bits.
func (a Amounts) add(other Amounts) error {
	for name, groups := range other {
		if a[name] == nil {
			a[name] = map[string]string{}
		}
		for group, text := range groups {
			sum, failed := shop.ParseCents(cmp.Or(a[name][group], "0.00"))
			more, err := shop.ParseCents(text)
			if err := errors.Join(failed, err); err != nil {
				return err
			}
			a[name][group] = shop.Cents(sum + more)
		}
	}
	return nil
}

// checkpoint is a step at which control totals are counted.
type checkpoint struct {
	name   string
	events int64
	sums   map[string]string // by currency
}

// showTotals reads the runs and all artifacts, compares each artifact with the ledger, and shows that events and sums are
// the same at every step.
func (s *demonstration) showTotals(ctx context.Context, a *app.App) error {
	total := s.ledger.Total()
	points := []checkpoint{
		{"generated (the ledger)", total.Accepted, total.Totals()},
		{"accepted by intake", s.report.Accepted, s.report.Totals["amount"]},
	}
	runs, err := runTotals(ctx, a)
	if err != nil {
		return err
	}
	artifacts, rows, err := s.compareAndSum(ctx, a)
	if err != nil {
		return err
	}
	s.report.Artifacts = rows
	points = append(points, runs, artifacts)
	s.heading("Control totals, step by step")
	header := []string{"where", "events"}
	currencies := slices.Sorted(maps.Keys(points[0].sums))
	var table [][]string
	for _, p := range points {
		row := []string{p.name, number(p.events)}
		for _, c := range currencies {
			row = append(row, p.sums[c])
		}
		table = append(table, row)
	}
	s.Table(append(header, currencies...), table)
	for _, p := range points[1:] {
		if p.events != points[0].events || !maps.Equal(p.sums, points[0].sums) {
			return newTotalsError(p.name, points[0].sums, p.sums)
		}
	}
	r := &s.report
	if r.Rows != r.Accepted+r.Quarantined+r.Duplicates {
		return unbalanced("%d rows are not %d accepted + %d quarantined + %d duplicates", r.Rows, r.Accepted, r.Quarantined, r.Duplicates)
	}
	s.printf("%s rows = %s accepted + %s quarantined + %s duplicates.", number(r.Rows), number(r.Accepted), number(r.Quarantined), number(r.Duplicates))
	s.printf("All %s artifacts equal the ledger's orders in every column, to the cent.", number(rows))
	r.Equal = true
	return nil
}

func runTotals(ctx context.Context, a *app.App) (checkpoint, error) {
	p := checkpoint{name: "folded by the runs"}
	g, err := a.Queries.Current(ctx, pipeline)
	if err != nil {
		return p, err
	}
	runs, err := a.Runs(ctx, pipeline, g.Generation, 0)
	if err != nil {
		return p, err
	}
	sums := Amounts{}
	for _, run := range runs {
		p.events += run.Events
		if err := sums.add(Amounts(run.Totals)); err != nil {
			return p, err
		}
	}
	p.sums = sums["amount"]
	return p, nil
}

// compareAndSum exports all artifacts once, compares them with the ledger and adds them up.
func (s *demonstration) compareAndSum(ctx context.Context, a *app.App) (sum checkpoint, rows int64, err error) {
	err = shop.Piped(func(w io.Writer) error {
		exported, err := a.Queries.Export(ctx, pipeline, w)
		rows = exported.Rows
		return err
	}, func(lines io.Reader) error {
		return shop.Piped(func(w io.Writer) error {
			return s.ledger.CompareExport(io.TeeReader(lines, w))
		}, func(compared io.Reader) (err error) {
			sum, err = addArtifacts(compared)
			return err
		})
	})
	return sum, rows, err
}

// addArtifacts sums the columns that together contain the amount of every event.
func addArtifacts(r io.Reader) (checkpoint, error) {
	p := checkpoint{name: "in the artifacts", sums: map[string]string{}}
	sums := map[string]int64{}
	type artifact struct {
		Events                           int64
		Ordered, Shipped, Paid, Refunded string
	}
	err := shop.EachArtifact(r, func(key []string, a artifact) error {
		if len(key) != 2 {
			return fmt.Errorf("key %q is not an order and a currency", key)
		}
		p.events += a.Events
		for _, text := range []string{a.Ordered, a.Shipped, a.Paid, a.Refunded} {
			n, err := shop.ParseCents(text)
			if err != nil {
				return err
			}
			sums[key[1]] += n
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("add artifacts up: %w", err)
	}
	for currency, n := range sums {
		p.sums[currency] = shop.Cents(n)
	}
	return p, nil
}
