// The warehouse of an open project: the database that bursar.yaml names, opened when it is first used.

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bursar/internal/failure"
	"bursar/internal/project"
	"bursar/internal/warehouse"
	"bursar/internal/warehouse/archive"
	"bursar/internal/warehouse/duckwarehouse"
	"bursar/internal/warehouse/pgwarehouse"
	"bursar/internal/warehouse/publish"
	"bursar/internal/warehouse/redshift"
)

// Warehouse opens the warehouse, if this process has not done so yet. It is closed with the project. While it cannot be reached, each call
// tries again.
func (a *App) Warehouse(ctx context.Context) (warehouse.Database, error) {
	unlock, err := a.openingWarehouse.Lock(ctx, "") // whoever opens it may wait for a server
	if err != nil {
		return nil, err
	}
	defer unlock()
	if a.warehouse != nil {
		return a.warehouse, nil
	}
	db, err := a.openWarehouse(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.prepareArchive(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	a.warehouse = db
	return db, nil
}

// outage is how long a command waits for a warehouse that cannot be reached.
const outage = time.Minute

// outageWait is the wait between attempts to reach it.
var outageWait = failure.Backoff{Least: 500 * time.Millisecond, Most: 10 * time.Second}

// awaitWarehouse is Warehouse, which it repeats for about a minute while the server cannot be reached.
func (a *App) awaitWarehouse(ctx context.Context) (warehouse.Database, error) {
	began := time.Now()
	for failures := 1; ; failures++ {
		db, err := a.Warehouse(ctx)
		wait := outageWait.After(failures)
		if err == nil || ctx.Err() != nil || !failure.Of(err).Retryable() || time.Since(began)+wait > outage {
			return db, err
		}
		if failures == 1 {
			a.log.Warn("the warehouse cannot be reached; trying again for a minute", "error", err)
		}
		pause(ctx, wait)
	}
}

// hasWarehouse reports whether the project has a warehouse.
func (a *App) hasWarehouse() bool { return a.missingWarehouse() == nil }

// missingWarehouse says why the project has no warehouse.
func (a *App) missingWarehouse() error {
	switch {
	case a.Project.Config.Warehouse.Kind == project.NoWarehouse:
		return failure.Wrap(failure.Data, fmt.Errorf("bursar.yaml:%d: this project has no warehouse (kind none): set `warehouse` to another kind, such as postgres",
			a.Project.Config.Line("warehouse.kind")))
	case a.hasLocalWarehouse():
		return a.checkLocalWarehouse()
	}
	return nil
}

// hasLocalWarehouse reports whether the warehouse is a file.
func (a *App) hasLocalWarehouse() bool {
	return a.Project.Config.Warehouse.Kind == project.DuckDBWarehouse
}

// warehouseFile is where a warehouse is that is a file.
func (a *App) warehouseFile() string { return filepath.Join(a.state, "warehouse.duckdb") }

// closeWarehouse closes the warehouse if it was opened.
func (a *App) closeWarehouse() error {
	unlock, err := a.openingWarehouse.Lock(context.Background(), "")
	if err != nil {
		return err
	}
	defer unlock()
	if a.warehouse == nil {
		return nil
	}
	err, a.warehouse = a.warehouse.Close(), nil
	return err
}

func (a *App) openWarehouse(ctx context.Context) (warehouse.Database, error) {
	if err := a.missingWarehouse(); err != nil {
		return nil, err
	}
	declared := a.Project.Config.Warehouse
	switch declared.Kind {
	case project.PostgresBackend:
		config, err := a.database("warehouse", warehouseDatabase(declared))
		if err != nil {
			return nil, err
		}
		return asWarehouse(pgwarehouse.Open(ctx, config))
	case project.RedshiftWarehouse:
		config, err := a.redshiftConfig()
		if err != nil {
			return nil, err
		}
		config.Objects = a.Engine.Objects
		return asWarehouse(redshift.Open(ctx, config))
	}
	scratch := filepath.Join(a.Engine.Scratch, warehouseScratch)
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	config := duckwarehouse.Config{Path: a.warehouseFile(), Scratch: scratch, Memory: a.Engine.Duck.Memory, Threads: a.Engine.Duck.Threads, Files: a.warmFolder()}
	return asWarehouse(duckwarehouse.Open(config))
}

func warehouseDatabase(declared project.Warehouse) project.Database {
	return project.Database{Kind: declared.Kind, URL: declared.URL, Schema: declared.Schema}
}

// asWarehouse keeps an error from being a database that is not nil.
func asWarehouse[D warehouse.Database](db D, err error) (warehouse.Database, error) {
	if err != nil {
		return nil, err
	}
	return db, nil
}

// checkLocalWarehouse refuses a file of one machine as the warehouse of a project that is on several.
func (a *App) checkLocalWarehouse() error {
	if !a.Project.Config.IsShared() {
		return nil
	}
	err := fmt.Errorf("bursar.yaml:%d: the warehouse is a DuckDB file by default, but several machines may use this project: set `warehouse` to kind postgres, or to kind none",
		a.Project.Config.Line("warehouse"))
	return failure.Wrap(failure.Data, err)
}

// redshiftConfig resolves the settings of Redshift, without the store of objects. It reads objects of the project's bucket, without the endpoint that the project may
// use: that of the database is Amazon's.
func (a *App) redshiftConfig() (c redshift.Config, err error) {
	declared := a.Project.Config.Warehouse
	for _, s := range []struct {
		key, text string
		to        *string
	}{{"url", declared.URL, &c.URL}, {"schema", declared.Schema, &c.Schema}, {"copy_role", declared.CopyRole, &c.CopyRole}} {
		if *s.to, err = a.setting("warehouse."+s.key, s.text); err != nil {
			return c, err
		}
	}
	bucket, err := a.bucketConfig()
	if err != nil {
		return c, err
	}
	c.ObjectsURL = fmt.Sprintf("s3://%s/%s", bucket.Bucket, bucket.Prefix)
	return c, nil
}

// StatementWarnings says why the rows that a statement sees may not be all, or not the right ones: they are archived, or a table that it names is
// not as it was published.
func (a *App) StatementWarnings(ctx context.Context, db warehouse.Database, sql string) (texts []string, err error) {
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		texts = nil
		absent, err := archive.AbsentIn(ctx, db, r, sql)
		if err != nil {
			return err
		}
		for _, one := range absent {
			texts = append(texts, one.String())
		}
		differing, err := publish.DifferingIn(ctx, db, r, sql)
		for _, one := range differing {
			texts = append(texts, one.String())
		}
		return err
	})
	return texts, err
}

// DifferingTables returns the tables that are not as they were published, as the last verification of each has found.
func (a *App) DifferingTables(ctx context.Context) (list []publish.Differing, err error) {
	db, err := a.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	err = db.Read(ctx, func(ctx context.Context, r warehouse.Reader) error {
		list, err = publish.AllDiffering(ctx, r)
		return err
	})
	return list, err
}
