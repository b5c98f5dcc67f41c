// Checks of the backends before they are used: whether each answers, and what the user may do there.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"bursar/internal/artifact/pgindex"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/failure"
	"bursar/internal/object/s3"
	"bursar/internal/postgres"
	"bursar/internal/project"
	"bursar/internal/temporal"
	"bursar/internal/vault"
	"bursar/internal/warehouse/pgwarehouse"
	"bursar/internal/warehouse/redshift"
)

// answerWithin is how long a check waits for each backend.
const answerWithin = 10 * time.Second

// CheckedBackend is what a check found out of one backend.
type CheckedBackend struct {
	Backend   string  `json:"backend"` // its key in bursar.yaml
	Kind      string  `json:"kind"`
	Place     string  `json:"place,omitempty"`
	Version   string  `json:"version,omitempty"` // of the server
	RoundTrip float64 `json:"round_trip_ms,omitempty"`
	UsedBy    string  `json:"used_by,omitempty"` // the process that other commands wait for
	Error     string  `json:"error,omitempty"`
	Class     string  `json:"class,omitempty"` // of the error
	err       error
	empty     bool // the database has no tables of it
}

// fail records why the backend cannot be used. The first reason is kept.
func (b *CheckedBackend) fail(err error) {
	if err == nil || b.err != nil {
		return
	}
	b.err, b.Error, b.Class = err, err.Error(), failure.Of(err).String()
}

// BackendsError says how many backends cannot be used; the reasons are in the list.
type BackendsError struct {
	faults []error
	of     int // backends
}

func (e *BackendsError) Error() string {
	return fmt.Sprintf("%d of %d backends cannot be used", len(e.faults), e.of)
}

// Unwrap returns the errors of the backends, one of which may have an exit code.
func (e *BackendsError) Unwrap() []error { return e.faults }

// Class is Data if waiting does not help with one of them.
func (e *BackendsError) Class() failure.Class {
	for _, class := range []failure.Class{failure.Data, failure.Bug, failure.Throttled} {
		for _, err := range e.faults {
			if failure.Of(err) == class {
				return class
			}
		}
	}
	return failure.Transient
}

// checkedBackends are the backends of a project.
type checkedBackends struct{ storage, catalog, index, temporal, warehouse, vault CheckedBackend }

// list returns the backends in the order in which they are printed. Some projects have no warehouse, or no references to a vault.
func (c *checkedBackends) list() []CheckedBackend {
	list := []CheckedBackend{c.storage, c.catalog, c.index, c.temporal, c.warehouse, c.vault}
	return slices.DeleteFunc(list, func(b CheckedBackend) bool { return b.Backend == "" })
}

// CheckBackends tries all backends of a project: whether each answers, whether the user has the rights that the project needs, and whether they
// belong to the project. It changes nothing, but for an object in S3 that it deletes again. The error is a *BackendsError.
func CheckBackends(ctx context.Context, p *project.Project) ([]CheckedBackend, error) {
	a := &App{Project: p, state: filepath.Join(p.Dir, ".bursar"), log: slog.New(slog.DiscardHandler)}
	c := a.tryBackends(ctx)
	together, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	a.checkTogether(together, c)
	list := c.list()
	result := &BackendsError{of: len(list)}
	for i := range list {
		if list[i].err != nil {
			result.faults = append(result.faults, list[i].err)
		}
	}
	if len(result.faults) == 0 {
		return list, nil
	}
	return list, result
}

// tryBackends tries the backends at the same time: each of them may take long to fail.
func (a *App) tryBackends(ctx context.Context) *checkedBackends {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	c := &checkedBackends{}
	var tries sync.WaitGroup
	for to, try := range map[*CheckedBackend]func(context.Context, *CheckedBackend) error{
		&c.storage: a.checkStorage, &c.catalog: a.checkCatalog, &c.index: a.checkIndex, &c.temporal: a.checkTemporal,
		&c.warehouse: a.checkWarehouse, &c.vault: a.checkVault,
	} {
		tries.Go(func() { to.fail(try(ctx, to)) })
	}
	tries.Wait()
	return c
}

func (a *App) checkStorage(ctx context.Context, out *CheckedBackend) error {
	if a.Project.Config.Storage.Kind != project.S3Storage {
		*out = CheckedBackend{Backend: "storage", Kind: project.FolderStorage, Place: ".bursar/objects"}
		return nil
	}
	*out = CheckedBackend{Backend: "storage", Kind: project.S3Storage}
	config, err := a.bucketConfig()
	if err != nil {
		return err
	}
	found, err := s3.Check(ctx, config)
	out.Place, out.Version, out.RoundTrip = found.Place, found.Server, milliseconds(found.RoundTrip)
	return err
}

func (a *App) checkCatalog(ctx context.Context, out *CheckedBackend) error {
	if !a.Project.Config.IsShared() {
		*out = CheckedBackend{Backend: "catalog", Kind: project.SQLiteCatalog, Place: ".bursar/catalog.db"}
		return a.checkLocalCatalog(ctx)
	}
	*out = CheckedBackend{Backend: "catalog", Kind: project.PostgresBackend}
	if err := a.checkSharedCatalog(ctx); err != nil {
		return err
	}
	return a.checkDatabase(ctx, out, a.Project.Config.Catalog, pgcatalog.Check)
}

func (a *App) checkIndex(ctx context.Context, out *CheckedBackend) error {
	if a.Project.Config.Index.Kind != project.PostgresBackend {
		*out = CheckedBackend{Backend: "index", Kind: project.PebbleIndex, Place: ".bursar/index"}
		return nil
	}
	*out = CheckedBackend{Backend: "index", Kind: project.PostgresBackend}
	return a.checkDatabase(ctx, out, a.Project.Config.Index, func(ctx context.Context, config postgres.Config) (postgres.Report, error) {
		return pgindex.Check(ctx, pgindex.Config{Postgres: config})
	})
}

func (a *App) checkDatabase(ctx context.Context, out *CheckedBackend, d project.Database, check func(context.Context, postgres.Config) (postgres.Report, error)) error {
	config, err := a.database(out.Backend, d)
	if err != nil {
		return err
	}
	found, err := check(ctx, config)
	if found.Server != "" {
		out.Place = fmt.Sprintf("%s/%s, schema %s", found.Server, found.Database, found.Schema)
	}
	out.Version, out.RoundTrip, out.empty = found.Version, milliseconds(found.RoundTrip), found.SchemaVersion == 0
	return err
}

func (a *App) checkTemporal(ctx context.Context, out *CheckedBackend) error {
	if a.Project.Config.Temporal.Kind != project.TemporalCluster {
		*out = CheckedBackend{Backend: "temporal", Kind: project.EmbeddedTemporal, Place: ".bursar/temporal.db"}
		return nil
	}
	*out = CheckedBackend{Backend: "temporal", Kind: project.TemporalCluster}
	options, err := a.temporalOptions()
	if err != nil {
		return err
	}
	found, err := temporal.Check(ctx, options)
	out.Version, out.RoundTrip = found.Version, milliseconds(found.RoundTrip)
	if err != nil {
		return a.atTemporal(err)
	}
	out.Place = fmt.Sprintf("%s, namespace %s, retention %s", options.ShownAddress, options.ShownNamespace, days(found.Retention))
	return nil
}

// checkWarehouse skips the DuckDB file that is the default where several machines may use the project: such a project need not use a warehouse.
func (a *App) checkWarehouse(ctx context.Context, out *CheckedBackend) error {
	declared := a.Project.Config.Warehouse
	switch declared.Kind {
	case project.PostgresBackend:
		*out = CheckedBackend{Backend: "warehouse", Kind: declared.Kind}
		return a.checkDatabase(ctx, out, warehouseDatabase(declared), pgwarehouse.Check)
	case project.RedshiftWarehouse:
		*out = CheckedBackend{Backend: "warehouse", Kind: declared.Kind}
		return a.checkRedshift(ctx, out)
	case project.DuckDBWarehouse:
		if !a.Project.Config.IsShared() {
			*out = CheckedBackend{Backend: "warehouse", Kind: declared.Kind, Place: ".bursar/warehouse.duckdb"}
		}
	}
	return nil
}

func (a *App) checkRedshift(ctx context.Context, out *CheckedBackend) error {
	config, err := a.redshiftConfig()
	if err != nil {
		return err
	}
	found, err := redshift.Check(ctx, config)
	if found.Server != "" {
		out.Place = fmt.Sprintf("%s/%s, schema %s", found.Server, found.Database, found.Schema)
	}
	out.Version, out.RoundTrip = found.Version, milliseconds(found.RoundTrip)
	return err
}

// checkVault opens the vault, if the project uses one.
func (a *App) checkVault(_ context.Context, out *CheckedBackend) error {
	if !a.Project.Config.IsShared() && !a.refersToVault() {
		return nil
	}
	*out = CheckedBackend{Backend: "vault", Kind: "file", Place: "vault.age"}
	_, err := vault.New(a.Project.Dir, vault.ProcessEnvironment()).List()
	if err == nil {
		_, err = a.vaultSecret().Read()
	}
	if errors.Is(err, fs.ErrNotExist) { // the first ingest creates the key
		return nil
	}
	return err
}

// refersToVault reports whether a setting of bursar.yaml is in the vault.
func (a *App) refersToVault() bool {
	c := &a.Project.Config
	settings := []string{
		c.Storage.Bucket, c.Storage.Prefix, c.Storage.Region, c.Storage.Endpoint,
		c.Catalog.URL, c.Catalog.Schema, c.Index.URL, c.Index.Schema,
		c.Temporal.Address, c.Temporal.Namespace, c.Temporal.APIKey, c.Warehouse.URL, c.Warehouse.Schema, c.Warehouse.CopyRole,
	}
	if c.Temporal.TLS != nil {
		settings = append(settings, c.Temporal.TLS.CA, c.Temporal.TLS.Cert, c.Temporal.TLS.Key, c.Temporal.TLS.ServerName)
	}
	if e := c.Warehouse.Endpoint; e != nil {
		settings = append(settings, e.Listen, e.User, e.Password)
		if e.TLS != nil {
			settings = append(settings, e.TLS.Cert, e.TLS.Key)
		}
	}
	return slices.ContainsFunc(settings, func(text string) bool { return strings.HasPrefix(text, "vault:") })
}

// days is a duration as Temporal's tools print it.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 && d > 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
