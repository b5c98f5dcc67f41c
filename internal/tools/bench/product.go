// The two sides of the benchmark reconcile: the product, from the first byte of the first file to the watermark of the last run, and
// the yardstick, for which DuckDB reads the same files and groups them by key, in memory. The sums of both are read back.

package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event/intake"
	"bursar/internal/reconcile/query"
	"bursar/internal/tools/shop"
)

const (
	stream   = "payments"
	pipeline = "orders"
)

var discardLog = slog.New(slog.DiscardHandler)

// productResult is the measurement of the product, and what it made.
type productResult struct {
	Round // without the figures of the other sides

	Touched   []int64           `json:"touched"` // number of artifacts that each run created or updated
	Parts     []string          `json:"parts"`   // digests
	Sums      map[string]string `json:"sums,omitempty"`
	Artifacts int64             `json:"artifacts,omitempty"` // total number
	Digest    string            `json:"digest,omitempty"`    // of the export of all artifacts
}

func measureProduct(ctx context.Context, spec childSpec) (r productResult, err error) {
	r.Steps = map[string]float64{}
	err = withProject(ctx, spec.Dir, func(a *app.App) error { return r.measure(ctx, a, spec) })
	return r, err
}

func (r *productResult) measure(ctx context.Context, a *app.App, spec childSpec) (err error) {
	began := time.Now()
	if err := a.StartTemporal(ctx); err != nil {
		return err
	}
	r.ServerStartSeconds = time.Since(began).Seconds()
	err = profiled(spec.Profile, func() (err error) {
		r.OursSeconds, r.Written, err = measure(func() error {
			for _, file := range spec.Files {
				if err := r.reconcile(ctx, a, file); err != nil {
					return err
				}
			}
			return nil
		})
		return err
	})
	if err != nil {
		return err
	}
	r.Orchestration /= float64(len(r.Touched))
	if r.PeakMemory, err = peakMemory(); err != nil || !spec.Sum {
		return err
	}
	var totals shop.Totals
	exported, err := exportTo(ctx, a, func(lines io.Reader) (err error) {
		totals, err = sumLines(lines)
		return err
	})
	r.Sums, r.Artifacts, r.Digest = sumTexts(totals), exported.Rows, exported.Digest
	return err
}

// withProject opens a project in this process, calls do, and closes it.
func withProject(ctx context.Context, dir string, do func(a *app.App) error) (err error) {
	a, err := app.Open(ctx, dir, "bench", discardLog)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	return do(a)
}

func (r *productResult) reconcile(ctx context.Context, a *app.App, file string) error {
	began := time.Now()
	if err := ingestFile(ctx, a, file); err != nil {
		return err
	}
	r.Steps["intake"] += time.Since(began).Seconds()
	began = time.Now()
	runs, err := a.Run(ctx, []string{pipeline}, nil)
	if err != nil {
		return err
	}
	r.Orchestration += time.Since(began).Seconds()
	for _, run := range runs {
		for name, step := range run.Steps {
			r.Steps[string(name)] += step.Seconds
			r.Orchestration -= step.Seconds
		}
		for _, part := range run.Parts() {
			r.Parts = append(r.Parts, part.Digest)
		}
		r.Touched = append(r.Touched, run.Created+run.Updated)
	}
	return nil
}

// ingestFile seals one file. All of its events must be accepted.
func ingestFile(ctx context.Context, a *app.App, file string) error {
	result, err := a.Ingest(ctx, stream, []string{file}, intake.Options{})
	if err == nil && (result.Accepted != result.Rows || result.Rows == 0) {
		err = fmt.Errorf("%d of %d events of %s were accepted", result.Accepted, result.Rows, file)
	}
	return err
}

// yardstickThreads is the number of cores of the machines for which the performance goals are set.
const yardstickThreads = 2

type yardstickResult struct {
	Seconds float64           `json:"seconds"`
	Peak    int64             `json:"peak"`
	Keys    int64             `json:"keys"`
	Sums    map[string]string `json:"sums"`
}

func measureYardstick(ctx context.Context, spec childSpec) (r yardstickResult, err error) {
	session, err := duck.Open(duck.Options{Threads: yardstickThreads, Dirs: []string{spec.Dir}})
	if err != nil {
		return r, err
	}
	defer session.Close()
	began := time.Now()
	if err := session.Exec(ctx, "CREATE TABLE result AS "+shop.YardstickSQL(spec.Files[0])); err != nil {
		return r, fmt.Errorf("run yardstick: %w", err)
	}
	r.Seconds = time.Since(began).Seconds()
	if r.Peak, err = peakMemory(); err != nil {
		return r, err
	}
	r.Keys, r.Sums, err = sumTable(ctx, session, "result")
	return r, err
}

// sumTable counts the rows of a table and adds up its columns.
func sumTable(ctx context.Context, session *duck.Session, table string) (rows int64, sums map[string]string, err error) {
	sql := `SELECT CAST(count(*) AS VARCHAR), CAST(sum(events) AS VARCHAR), CAST(sum(shipped) AS VARCHAR),
		CAST(sum(paid) AS VARCHAR), CAST(sum(refunded) AS VARCHAR) FROM ` + table
	err = session.Query(ctx, sql, func(row []column.Vector) error {
		sums = map[string]string{
			"events": string(row[1].Text(0)), "shipped": string(row[2].Text(0)),
			"paid": string(row[3].Text(0)), "refunded": string(row[4].Text(0)),
		}
		_, err := fmt.Sscan(string(row[0].Text(0)), &rows)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("add %s up: %w", table, err)
	}
	return rows, sums, nil
}

func exportTo(ctx context.Context, a *app.App, read func(lines io.Reader) error) (all query.Exported, err error) {
	err = shop.Piped(func(w io.Writer) (err error) {
		all, err = a.Queries.Export(ctx, pipeline, w)
		return err
	}, read)
	return all, err
}

func sumLines(r io.Reader) (sum shop.Totals, err error) {
	type artifact struct {
		Events                  int64
		Shipped, Paid, Refunded string
	}
	err = shop.EachArtifact(r, func(_ string, a artifact) error {
		shipped, errShipped := shop.ParseCents(a.Shipped)
		paid, errPaid := shop.ParseCents(a.Paid)
		refunded, errRefunded := shop.ParseCents(a.Refunded)
		sum = addTotals(sum, shop.Totals{Events: a.Events, Shipped: shipped, Paid: paid, Refunded: refunded})
		return cmp.Or(errShipped, errPaid, errRefunded)
	})
	if err != nil {
		return sum, fmt.Errorf("add artifacts up: %w", err)
	}
	return sum, nil
}
