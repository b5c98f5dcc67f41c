// Checks of the backends before they are used.

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"bursar/internal/artifact/pgindex"
	"bursar/internal/catalog/pgcatalog"
	"bursar/internal/object/s3"
	"bursar/internal/postgres"
	"bursar/internal/project"
	"bursar/internal/temporal"
	"bursar/internal/vault"
)

// CheckedBackend is what a check found out of one backend.
type CheckedBackend struct {
	Backend   string  `json:"backend"` // its key in bursar.yaml
	Kind      string  `json:"kind"`
	Place     string  `json:"place,omitempty"`
	Version   string  `json:"version,omitempty"` // of the server
	RoundTrip float64 `json:"round_trip_ms,omitempty"`
	Error     string  `json:"error,omitempty"`
}

// CheckBackends tries each backend of a project that is a server: whether it answers, and whether the user has the rights that the
// project needs. It changes nothing, but for an object in S3 that it deletes again. The error joins those of the backends.
func CheckBackends(ctx context.Context, p *project.Project) (checked []CheckedBackend, failed []error) {
	a := &App{Project: p, log: slog.New(slog.DiscardHandler)}
	add := func(c CheckedBackend, err error) {
		if err != nil {
			c.Error = err.Error()
			failed = append(failed, fmt.Errorf("%s: %w", c.Backend, err))
		}
		checked = append(checked, c)
	}
	c := &p.Config
	if c.Storage.Kind != project.S3Storage {
		add(CheckedBackend{Backend: "storage", Kind: project.FolderStorage, Place: ".bursar/objects"}, nil)
	} else {
		add(a.checkBucket(ctx))
	}
	if c.Catalog.Kind != project.PostgresBackend {
		add(CheckedBackend{Backend: "catalog", Kind: project.SQLiteCatalog, Place: ".bursar/catalog.db"}, nil)
	} else {
		add(a.checkDatabase(ctx, "catalog", c.Catalog, pgcatalog.Check))
	}
	if c.Index.Kind != project.PostgresBackend {
		add(CheckedBackend{Backend: "index", Kind: project.PebbleIndex, Place: ".bursar/index"}, nil)
	} else {
		add(a.checkDatabase(ctx, "index", c.Index, func(ctx context.Context, config postgres.Config) (postgres.Report, error) {
			return pgindex.Check(ctx, pgindex.Config{Postgres: config})
		}))
	}
	if c.Temporal.Kind != project.TemporalCluster {
		add(CheckedBackend{Backend: "temporal", Kind: project.EmbeddedTemporal, Place: ".bursar/temporal.db"}, nil)
	} else {
		add(a.checkTemporal(ctx))
	}
	if c.IsShared() {
		_, err := vault.New(p.Dir, vault.ProcessEnvironment()).List()
		if err == nil {
			_, err = a.vaultSecret().Read()
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the first ingest creates the key
			add(CheckedBackend{Backend: "vault", Kind: "file", Place: "vault.age"}, err)
		}
	}
	return checked, failed
}

func (a *App) checkBucket(ctx context.Context) (CheckedBackend, error) {
	out := CheckedBackend{Backend: "storage", Kind: project.S3Storage}
	config, err := a.bucketConfig()
	if err != nil {
		return out, err
	}
	found, err := s3.Check(ctx, config)
	out.Place, out.Version, out.RoundTrip = found.Place, found.Server, milliseconds(found.RoundTrip)
	return out, err
}

func (a *App) checkTemporal(ctx context.Context) (CheckedBackend, error) {
	out := CheckedBackend{Backend: "temporal", Kind: project.TemporalCluster}
	options, err := a.temporalOptions()
	if err != nil {
		return out, err
	}
	found, err := temporal.Check(ctx, options)
	out.Version, out.RoundTrip = found.Version, milliseconds(found.RoundTrip)
	if err != nil {
		return out, a.atTemporal(err)
	}
	out.Place = fmt.Sprintf("%s, namespace %s, retention %s", options.ShownAddress, options.ShownNamespace, days(found.Retention))
	return out, nil
}

// days is a duration as Temporal's tools print it.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 && d > 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}

func (a *App) checkDatabase(ctx context.Context, key string, d project.Database, check func(context.Context, postgres.Config) (postgres.Report, error)) (CheckedBackend, error) {
	out := CheckedBackend{Backend: key, Kind: project.PostgresBackend}
	config, err := a.database(key, d)
	if err != nil {
		return out, err
	}
	found, err := check(ctx, config)
	if found.Server != "" {
		out.Place = fmt.Sprintf("%s/%s, schema %s", found.Server, found.Database, found.Schema)
	}
	out.Version, out.RoundTrip = found.Version, milliseconds(found.RoundTrip)
	return out, err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
