// Probes of the servers without which no events can be accepted.

package app

import (
	"context"

	"bursar/internal/app/marker"
	"bursar/internal/catalog"
	"bursar/internal/project"
	"bursar/internal/serve"
)

// probes returns a probe of the catalog and one of the objects, if they are on servers.
func (a *App) probes() (list []serve.Backend) {
	if a.Project.Config.Catalog.Kind == project.PostgresBackend {
		list = append(list, serve.Backend{Name: "catalog", Probe: a.probeCatalog})
	}
	if a.bucket != nil {
		list = append(list, serve.Backend{Name: "objects", Probe: func(ctx context.Context) error { return marker.Probe(ctx, a.bucket) }})
	}
	return list
}

// probeCatalog reads one document, whether it exists or not.
func (a *App) probeCatalog(ctx context.Context) error {
	return a.catalog.View(ctx, func(tx catalog.Tx) error {
		var p Process
		_, err := tx.Get(processPrefix+a.shared.process.ID, &p)
		return err
	})
}
