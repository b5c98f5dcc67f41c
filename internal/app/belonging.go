// Whether objects, catalog and folder belong to the same project.

package app

import (
	"context"
	"errors"
	"fmt"

	"bursar/internal/app/marker"
	"bursar/internal/catalog"
	"bursar/internal/event"
)

// checkMarker refuses a bucket with objects of another project.
func (a *App) checkMarker(ctx context.Context) error {
	if a.bucket == nil {
		return nil
	}
	hasData, err := hasStreams(ctx, a.catalog)
	if err != nil {
		return err
	}
	return a.atStorage(marker.Check(ctx, a.bucket, a.catalog, hasData, a.adoptStorage))
}

// hasStreams reports whether a catalog contains streams with events.
func hasStreams(ctx context.Context, records catalog.Catalog) (bool, error) {
	states, err := catalog.Read(ctx, records, event.States)
	if err != nil {
		return false, fmt.Errorf("read the states of streams: %w", err)
	}
	return len(states) > 0, nil
}

// mayCreateCatalog refuses to begin a catalog for objects that belong to one: the schema of that one is another.
func (a *App) mayCreateCatalog(ctx context.Context) error {
	if a.bucket == nil || a.adoptStorage {
		return nil
	}
	return marker.Compare(ctx, a.bucket, nil, false)
}

// atStorage adds the place of the declaration to the error of objects that do not belong to the catalog.
func (a *App) atStorage(err error) error {
	if refused := (*marker.Error)(nil); errors.As(err, &refused) {
		return fmt.Errorf("bursar.yaml:%d: %w", a.Project.Config.Line("storage"), refused)
	}
	return err
}

// checkSharedCatalog refuses to leave a catalog with data in the folder of a project that declares one in PostgreSQL.
func (a *App) checkSharedCatalog(ctx context.Context) error {
	if err := marker.CheckShared(ctx, a.state); err != nil {
		return fmt.Errorf("bursar.yaml:%d: %w", a.Project.Config.Line("catalog"), err)
	}
	return nil
}

// checkLocalCatalog refuses to begin an empty catalog in a folder whose project has one in PostgreSQL.
func (a *App) checkLocalCatalog(ctx context.Context) error {
	err := marker.CheckLocal(ctx, a.state)
	if err != nil {
		return fmt.Errorf("bursar.yaml:%d: %w", a.Project.Config.Line("catalog"), err)
	}
	return nil
}
