// Measures a query over the published events, and over a plain DuckDB table of the same events.

package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/publish"
)

// queryRepeats is how often each side answers the query.
const queryRepeats = 7

// publishedQuery reads all events: sums by three columns.
const publishedQuery = "SELECT type, currency, CAST(ts AS DATE) AS day, count(*) AS n, sum(amount) AS amount FROM %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"

// QueryFigures are those of the query. Times are medians.
type QueryFigures struct {
	Events       int64   `json:"events"`
	OursSeconds  float64 `json:"ours_seconds"`
	PlainSeconds float64 `json:"plain_seconds"`
	Ratio        float64 `json:"ratio"`
}

// measure publishes all events, copies them into a plain table, and asks both in turn.
func (q *QueryFigures) measure(ctx context.Context, a *app.App, publisher *publish.Publisher, session *duck.Session) error {
	table := project.EventsTable(stream)
	for more := true; more; {
		result, err := publisher.Publish(ctx, table)
		if err != nil {
			return err
		}
		q.Events, more = q.Events+result.Rows, result.More
	}
	if err := copyEvents(ctx, a, session); err != nil {
		return err
	}
	db, err := a.Warehouse(ctx)
	if err != nil {
		return err
	}
	var ours, plain []float64
	for range queryRepeats {
		mine, took, err := timeQuery(ctx, func(each func([]column.Vector) error) error {
			return db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
				return r.Query(ctx, fmt.Sprintf(publishedQuery, table), func(_ []warehouse.Column, rows []column.Vector) error { return each(rows) })
			})
		})
		if err != nil {
			return err
		}
		ours = append(ours, took)
		other, took, err := timeQuery(ctx, func(each func([]column.Vector) error) error {
			return session.Query(ctx, fmt.Sprintf(publishedQuery, "events"), each)
		})
		if err != nil {
			return err
		}
		plain = append(plain, took)
		if mine != other {
			return fmt.Errorf("the published events give other sums: %s instead of %s", mine, other)
		}
	}
	q.OursSeconds, q.PlainSeconds = median(ours, seconds), median(plain, seconds)
	q.Ratio = q.OursSeconds / q.PlainSeconds
	return nil
}

func seconds(s *float64) float64 { return *s }

// copyEvents makes a table of all sealed events, as DuckDB reads them from their objects.
func copyEvents(ctx context.Context, a *app.App, session *duck.Session) error {
	s := a.Project.Stream(stream)
	batches, err := event.FoldedBatches(ctx, a.Events.Catalog, s, 0)
	if err != nil {
		return err
	}
	files := a.Events.Objects.Files()
	defer files.Release()
	view := event.ViewSQL(files, s, batches)
	if err := files.Pin(ctx); err != nil {
		return err
	}
	return session.Exec(ctx, fmt.Sprintf("CREATE TABLE events AS SELECT * EXCLUDE (_file, _row) FROM (%s); CHECKPOINT", view))
}

// timeQuery returns a result as text, and how long it took.
func timeQuery(_ context.Context, query func(each func([]column.Vector) error) error) (result string, seconds float64, err error) {
	var text strings.Builder
	began := time.Now()
	err = query(func(rows []column.Vector) error {
		for i := range rows[0].Len() {
			for c := range rows {
				text.Write(append(rows[c].AppendPlain(nil, i), '|'))
			}
		}
		return nil
	})
	return text.String(), time.Since(began).Seconds(), err
}
