// Measures the publication of changed artifacts into the embedded warehouse, and DuckDB's MERGE of the same rows from a Parquet file.

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/reconcile/query"
	"bursar/internal/tools/shop"
	"bursar/internal/warehouse/publish"
)

// PublishRound is the result of one round.
type PublishRound struct {
	Artifacts    int64   `json:"artifacts"` // that the run changed
	OursSeconds  float64 `json:"ours_seconds"`
	MergeSeconds float64 `json:"merge_seconds"`
	Ratio        float64 `json:"ratio"`
}

// PublishReport is the result of the benchmark.
type PublishReport struct {
	Benchmark    string         `json:"benchmark"`
	State        int            `json:"state"`         // artifacts in the table before the first round
	FirstSeconds float64        `json:"first_seconds"` // the first publication, of all of them
	Rounds       []PublishRound `json:"rounds"`
	PublishRound                // medians
	Query        QueryFigures   `json:"query"`
}

// Publish measures the publication of the artifacts that a run has changed.
func Publish(ctx context.Context, o Options) (report PublishReport, err error) {
	report = PublishReport{Benchmark: "publish", State: o.State}
	o.Batches = o.Rounds
	o.Events *= o.Rounds
	err = o.inFolder(shop.BenchPipeline, func(b *bench) error {
		for _, prepare := range []func(context.Context) error{b.generate, b.prepare} {
			if err := prepare(ctx); err != nil {
				return err
			}
		}
		return withProject(ctx, b.preparedDir(), func(a *app.App) error { return report.measure(ctx, b, a) })
	})
	return report, err
}

func (r *PublishReport) measure(ctx context.Context, b *bench, a *app.App) error {
	publisher, err := a.Publisher(ctx)
	if err != nil {
		return err
	}
	peer, err := openMergePeer(ctx, b.dir, a)
	if err != nil {
		return err
	}
	defer peer.session.Close()
	if r.FirstSeconds, err = publishOrders(ctx, publisher, int64(b.State)); err != nil {
		return err
	}
	if r.Rounds, err = rounds(&b.Options, func(n int) (PublishRound, error) { return peer.round(ctx, a, publisher, b.files[n]) }, publishLine); err != nil {
		return err
	}
	r.Artifacts = r.Rounds[len(r.Rounds)-1].Artifacts
	r.OursSeconds = median(r.Rounds, func(p *PublishRound) float64 { return p.OursSeconds })
	r.MergeSeconds = median(r.Rounds, func(p *PublishRound) float64 { return p.MergeSeconds })
	r.Ratio = median(r.Rounds, func(p *PublishRound) float64 { return p.Ratio })
	return r.Query.measure(ctx, a, publisher, peer.session)
}

func publishLine(p *PublishRound) string {
	return fmt.Sprintf("%d artifacts, merge %.3f s, ours %.3f s", p.Artifacts, p.MergeSeconds, p.OursSeconds)
}

// publishOrders publishes the pipeline in one transaction, which must add so many rows.
func publishOrders(ctx context.Context, publisher *publish.Publisher, want int64) (seconds float64, err error) {
	began := time.Now()
	result, err := publisher.Publish(ctx, pipeline)
	if err == nil && (result.Rows != want || result.More) {
		err = fmt.Errorf("%d of %d artifacts were published", result.Rows, want)
	}
	return time.Since(began).Seconds(), err
}

// mergePeer is a DuckDB file with the same table.
type mergePeer struct {
	session *duck.Session
	dir     string
	columns []string // quoted
	key     int      // the first columns
}

func openMergePeer(ctx context.Context, dir string, a *app.App) (*mergePeer, error) {
	o := a.Engine.Duck
	o.File, o.Dirs = filepath.Join(dir, "merge.duckdb"), append(slices.Clone(o.Dirs), dir)
	session, err := duck.Open(o)
	if err != nil {
		return nil, err
	}
	p := &mergePeer{session: session, dir: dir}
	path, err := p.write(ctx, a, 0)
	if err == nil {
		err = session.Exec(ctx, fmt.Sprintf("CREATE TABLE orders AS FROM read_parquet(%s); CHECKPOINT", duck.Literal(path)))
	}
	if err != nil {
		session.Close()
		return nil, err
	}
	return p, nil
}

// write writes the artifacts that a run has made, or all, into a Parquet file.
func (p *mergePeer) write(ctx context.Context, a *app.App, run uint64) (path string, err error) {
	path = filepath.Join(p.dir, "changed.parquet")
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return path, a.Queries.ReadPublished(ctx, pipeline, func(ctx context.Context, published *query.Published) error {
		fields, key := published.Fields()
		p.columns, p.key = nil, key
		for _, f := range fields {
			p.columns = append(p.columns, column.QuoteIdentifier(f.Name))
		}
		out, err := column.NewParquetWriter(file, fields)
		if err != nil {
			return err
		}
		if run == 0 {
			err = published.All(ctx, func(_ []uint64, values []column.Vector) error { return out.WriteGroup(values) })
		} else {
			err = published.OfRun(ctx, run, out.WriteGroup)
		}
		return errors.Join(err, out.Close())
	})
}

// round publishes a run, and merges what it has changed into the other table.
func (p *mergePeer) round(ctx context.Context, a *app.App, publisher *publish.Publisher, file string) (r PublishRound, err error) {
	if err := ingestFile(ctx, a, file); err != nil {
		return r, err
	}
	made, err := a.Run(ctx, []string{pipeline}, nil)
	if err != nil {
		return r, err
	}
	run := made[len(made)-1]
	r.Artifacts = run.Created + run.Updated
	if r.OursSeconds, err = publishOrders(ctx, publisher, r.Artifacts); err != nil {
		return r, err
	}
	path, err := p.write(ctx, a, run.Run)
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := p.session.Exec(ctx, p.mergeSQL(path)); err != nil {
		return r, err
	}
	r.MergeSeconds = time.Since(began).Seconds()
	r.Ratio = r.OursSeconds / r.MergeSeconds
	return r, nil
}

func (p *mergePeer) mergeSQL(path string) string {
	same, set, values := make([]string, p.key), make([]string, len(p.columns)-p.key), make([]string, len(p.columns))
	for i, c := range p.columns {
		values[i] = "s." + c
		if i < p.key {
			same[i] = fmt.Sprintf("s.%s = t.%[1]s", c)
		} else {
			set[i-p.key] = fmt.Sprintf("%s = s.%[1]s", c)
		}
	}
	return fmt.Sprintf("MERGE INTO orders AS t USING read_parquet(%s) AS s ON (%s) WHEN MATCHED THEN UPDATE SET %s WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)",
		duck.Literal(path), strings.Join(same, " AND "), strings.Join(set, ", "), strings.Join(p.columns, ", "), strings.Join(values, ", "))
}
