// Publishing into the warehouse: what it reads of pipelines.

package app

import (
	"context"

	"bursar/internal/app/marker"
	"bursar/internal/reconcile/query"
	"bursar/internal/warehouse/publish"
)

// Publisher returns what publishes the streams and pipelines of the project into its warehouse.
func (a *App) Publisher(ctx context.Context) (*publish.Publisher, error) {
	id, err := marker.ID(ctx, a.catalog)
	if err != nil {
		return nil, err
	}
	archiver, err := a.Archiver(ctx)
	return &publish.Publisher{
		Project: a.Project, ProjectID: id, Events: a.Events, Pipelines: publishedPipelines{a.Queries}, Open: a.Warehouse, Archive: archiver,
	}, err
}

// publishedPipelines reads what readers see of pipelines.
type publishedPipelines struct{ queries *query.Reader }

func (p publishedPipelines) ReadPublished(ctx context.Context, pipeline string, fn func(context.Context, publish.Artifacts) error) error {
	return p.queries.ReadPublished(ctx, pipeline, func(ctx context.Context, published *query.Published) error { return fn(ctx, published) })
}
