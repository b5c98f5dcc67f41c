// What the tables lack.

package publish

import (
	"context"
	"time"

	"bursar/internal/failure"
	"bursar/internal/warehouse"
)

// TableStatus is how far a table is.
type TableStatus struct {
	Table      string     `json:"table"`
	Source     string     `json:"source"` // the stream or the pipeline
	Generation uint64     `json:"generation,omitempty"`
	Through    uint64     `json:"through"` // the last batch or run in it
	Waiting    uint64     `json:"waiting"` // batches or runs that are not in it
	Watermark  *time.Time `json:"watermark"`
	Rows       int64      `json:"rows"`
	Behind     bool       `json:"behind"`           // it lacks something
	Broken     int64      `json:"broken,omitempty"` // rows that the last verification has found to differ
	Error      string     `json:"error,omitempty"`  // why it cannot be published
}

// Behind lists the tables that lack something, in the order in which they are published.
func (p *Publisher) Behind(ctx context.Context) ([]string, error) {
	list, err := p.Status(ctx)
	var behind []string
	for _, s := range list {
		if s.Behind {
			behind = append(behind, s.Table)
		}
	}
	return behind, err
}

// Status compares the tables with what they are made of. An error about one table is in its status.
func (p *Publisher) Status(ctx context.Context) ([]TableStatus, error) {
	db, err := p.Open(ctx)
	if err != nil {
		return nil, err
	}
	sources, err := p.sources(ctx)
	if err != nil {
		return nil, err
	}
	var records []record
	lackViews, gone := map[string]bool{}, map[string]bool{}
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) (err error) {
		if records, err = readRecords(ctx, r, ""); err != nil {
			return err
		}
		clear(lackViews)
		for _, s := range sources {
			if recordOf(records, s.table) != nil && err == nil {
				_, found, failed := r.Table(ctx, s.table)
				gone[s.table], err = !found, failed
			}
			if s.stream != nil && err == nil {
				a := p.archived(s.stream)
				lackViews[s.table], err = a.lacksView(ctx, r)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]TableStatus, len(sources))
	for i, s := range sources {
		list[i] = TableStatus{Table: s.table, Source: s.name(), Behind: true}
		if err := p.compareStatus(ctx, s, recordOf(records, s.table), &list[i]); err != nil {
			if failure.Of(err) != failure.Data {
				return nil, err
			}
			list[i].Error = err.Error()
		}
		list[i].Behind = list[i].Behind || lackViews[s.table] || gone[s.table] // a table that somebody has dropped
	}
	return list, nil
}

func recordOf(records []record, table string) *record {
	for i := range records {
		if records[i].table == table {
			return &records[i]
		}
	}
	return nil
}

func (p *Publisher) compareStatus(ctx context.Context, s source, r *record, out *TableStatus) (err error) {
	if r != nil {
		out.Generation, out.Through, out.Watermark, out.Rows, out.Broken = r.generation, r.through, r.watermark, r.rows, r.broken
	}
	has := uint64(0)
	if s.stream != nil {
		at, err := p.streamPosition(ctx, s.stream)
		if err != nil {
			return err
		}
		has = at.sealed
		if out.Behind, err = p.isBehind(ctx, s.stream, r, at); err != nil {
			return err
		}
	} else {
		err = p.Pipelines.ReadPublished(ctx, s.pipeline.Name, func(ctx context.Context, a Artifacts) error {
			_, has, _, _ = a.Generation()
			out.Behind, err = p.isBehindArtifacts(ctx, s, r, a)
			return err
		})
		if err != nil {
			return err
		}
	}
	out.Waiting = has - min(has, out.Through)
	return nil
}

// BehindError reports that a table cannot be compared with what it is made of now.
type BehindError struct{ Table string }

func (e *BehindError) Error() string {
	return "table " + e.Table + " lacks something that was accepted or published since: run `bursar publish`"
}

// Class is Data: it stays so until the table is published.
func (e *BehindError) Class() failure.Class { return failure.Data }
