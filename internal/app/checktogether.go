// Checks that the backends belong to one project, by what its catalog says: as the commands do that open it, but without writing.

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"bursar/internal/app/marker"
	"bursar/internal/catalog"
	"bursar/internal/catalog/pgcatalog"
	intake "bursar/internal/event/flow"
	"bursar/internal/event/ids"
	"bursar/internal/failure"
	"bursar/internal/object/s3"
	"bursar/internal/project"
	"bursar/internal/reconcile/flow"
	"bursar/internal/reconcile/runs"
	"bursar/internal/temporal"
)

// checkTogether compares the backends that answer with the catalog, and asks who uses it.
func (a *App) checkTogether(ctx context.Context, c *checkedBackends) {
	if config := &a.Project.Config; c.catalog.err != nil || config.IsLocal() && config.Temporal.Kind != project.TemporalCluster {
		return
	}
	records, err := a.openExistingCatalog(ctx)
	if err != nil {
		c.catalog.fail(err)
		return
	}
	if records != nil {
		defer func() { _ = records.Close() }() // it was only read
		c.catalog.fail(a.checkUse(ctx, records, &c.catalog))
		c.vault.fail(a.compareSecret(ctx, records))
		if c.index.empty && c.index.err == nil {
			c.index.fail(a.checkNoIndex(ctx, records))
		}
	}
	if c.storage.err == nil {
		c.storage.fail(a.compareMarker(ctx, records))
	}
	if c.temporal.err == nil {
		c.temporal.fail(a.checkNamespace(ctx, records))
	}
}

// openExistingCatalog opens the catalog to read it. It returns nil if no command has created it yet.
func (a *App) openExistingCatalog(ctx context.Context) (catalog.Catalog, error) {
	if a.Project.Config.IsShared() {
		config, err := a.database("catalog", a.Project.Config.Catalog)
		if err != nil {
			return nil, err
		}
		records, err := pgcatalog.OpenExisting(ctx, config)
		if records == nil || err != nil {
			return nil, err
		}
		return records, nil
	}
	records, err := catalog.OpenReadOnly(filepath.Join(a.state, "catalog.db"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // as documented
	}
	if err != nil {
		return nil, err
	}
	return records, nil
}

// checkNoIndex refuses a database without an index for a catalog whose runs have one.
func (a *App) checkNoIndex(ctx context.Context, records catalog.Catalog) error {
	for _, p := range a.Project.Pipelines {
		g, err := runs.Current(ctx, records, p.Name)
		if err != nil {
			return err
		}
		if g.Published > 0 {
			return failure.Wrap(failure.Data, fmt.Errorf("bursar.yaml:%d: there is no index in this schema, but pipeline %s has published runs: correct `index`; "+
				"if the index is lost, run `bursar repair`", a.Project.Config.Line("index"), p.Name))
		}
	}
	return nil
}

// checkUse refuses a folder that shares the project with others in another way than they do, and notes who uses the project alone.
func (a *App) checkUse(ctx context.Context, records catalog.Catalog, out *CheckedBackend) error {
	shared, ok := records.(*pgcatalog.Catalog)
	if !ok {
		return nil
	}
	several := a.Project.Config.HasSeveralProcesses()
	if err := shared.Conflict(ctx, several); err != nil {
		return a.asUsed(err)
	}
	members, err := shared.Members(ctx)
	if err == nil && !several && len(members) > 0 {
		out.UsedBy = pgcatalog.Names(members)
	}
	return err
}

// compareSecret refuses a vault without the key of the digests that the catalog uses.
func (a *App) compareSecret(ctx context.Context, records catalog.Catalog) error {
	if !a.Project.Config.IsShared() {
		return nil
	}
	secret, err := ids.OpenSharedSecret(ctx, records, a.vaultSecret(), false)
	if err != nil {
		return err
	}
	return secret.Fault()
}

// compareMarker refuses a bucket with objects of another project.
func (a *App) compareMarker(ctx context.Context, records catalog.Catalog) error {
	if a.Project.Config.Storage.Kind != project.S3Storage {
		return nil
	}
	config, err := a.bucketConfig()
	if err != nil {
		return err
	}
	objects, err := s3.Open(ctx, config)
	if err != nil {
		return err
	}
	hasData := false
	if records != nil {
		if hasData, err = hasStreams(ctx, records); err != nil {
			return err
		}
	}
	return a.atStorage(marker.Compare(ctx, objects, records, hasData))
}

// checkNamespace refuses a namespace in which another project has workflows with the ids of this one's.
func (a *App) checkNamespace(ctx context.Context, records catalog.Catalog) error {
	if a.Project.Config.Temporal.Kind != project.TemporalCluster {
		return nil
	}
	id, err := marker.KnownID(ctx, records)
	if err != nil {
		return err
	}
	if id == "" { // no workflow belongs to a project that has not been used
		id = rand.Text()
	}
	options, err := a.temporalOptions()
	if err != nil {
		return err
	}
	connection, err := temporal.Dial(ctx, options)
	if err != nil {
		return a.atTemporal(err)
	}
	defer connection.Stop()
	for _, workflow := range a.workflowIDs() {
		if err := temporal.CheckProject(ctx, connection.Client(), workflow, id); err != nil {
			return a.atTemporal(err)
		}
	}
	return nil
}

// workflowIDs returns the ids of all workflows of the project.
func (a *App) workflowIDs() (list []string) {
	for _, p := range a.Project.Pipelines {
		list = append(list, flow.WorkflowIDs(p.Name)...)
	}
	for _, s := range a.Project.AllStreams() {
		list = append(list, intake.WorkflowID(s.Name))
	}
	return list
}
