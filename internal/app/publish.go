// Commands about the warehouse: publish tables, verify them, and show how far they are.

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"bursar/internal/failure"
	"bursar/internal/warehouse/flow"
	"bursar/internal/warehouse/publish"
)

// PublishOptions are the options of Publish.
type PublishOptions struct {
	Tables []string // empty: all that lack something
	Again  bool     // make the named tables from the beginning
	// Watch is called for each group of batches or runs that this process adds to a table. It may be nil.
	Watch func(publish.Result)
}

// Publish brings tables of the warehouse up to date through its workflow, and returns what was done, one result for each table. A table
// that fails for its data does not stop the others: its error is returned with their results. It is safe for concurrent use.
func (a *App) Publish(ctx context.Context, o PublishOptions) (done []publish.Result, err error) {
	ctx, diskErr, endWatch := a.disk.watch(ctx)
	defer endWatch()
	if _, err := a.findTables(ctx, o.Tables); err != nil {
		return nil, err
	}
	runner, err := a.publishRunner(ctx)
	if err == nil {
		err = a.startPublisherForCommand(ctx)
	}
	if err != nil {
		return nil, cmp.Or(diskErr(), err)
	}
	defer a.publishing.watchers.add(o.Watch)()
	result, err := runner.Publish(ctx, flow.Request{Tables: unique(o.Tables), Again: o.Again})
	return result.Tables, cmp.Or(diskErr(), err, result.Err())
}

func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// startPublisherForCommand starts the worker, unless this process has one, or roles that decide about it.
func (a *App) startPublisherForCommand(ctx context.Context) error {
	if a.shared.serves || a.hasPublisher() {
		return nil
	}
	if a.IsShared() {
		if err := a.checkDeclarations(ctx); err != nil {
			return err // before it publishes for others
		}
	}
	stop, err := a.startPublisher(ctx)
	if err != nil {
		return err
	}
	a.starting.Lock()
	defer a.starting.Unlock()
	a.closers = append(a.closers, stop)
	return nil
}

func (a *App) hasPublisher() bool {
	a.starting.Lock()
	defer a.starting.Unlock()
	return a.publishing.works
}

// findTables returns the publisher of a project that has a warehouse, and refuses tables that it does not have.
func (a *App) findTables(ctx context.Context, names []string) (*publish.Publisher, error) {
	if err := a.missingWarehouse(); err != nil {
		return nil, err
	}
	p, err := a.Publisher(ctx)
	if err != nil {
		return nil, err
	}
	known, err := p.Tables(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, &publish.NotFoundError{Table: name, Tables: known}
		}
	}
	return p, nil
}

// VerifyTables compares tables of the warehouse, or all of them, row by row with what was sealed and published.
func (a *App) VerifyTables(ctx context.Context, tables []string) (list []publish.Verified, err error) {
	p, err := a.findTables(ctx, tables)
	if err == nil && len(tables) == 0 {
		tables, err = p.Tables(ctx)
	}
	if err == nil {
		_, err = a.Warehouse(ctx) // an error of all tables
	}
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		verified, failed := p.Verify(ctx, table)
		if failed == nil {
			list = append(list, verified)
		}
		err = errors.Join(err, failed)
		if ctx.Err() != nil {
			break
		}
	}
	return list, err
}

// statusTimeout bounds how long the status waits for a warehouse.
const statusTimeout = 5 * time.Second

// errReadOnly says why the status of a warehouse is not known.
var errReadOnly = failure.Wrap(failure.Data, errors.New("the disk cannot be written, which opening it needs"))

// WarehouseStatus returns how far the tables of the warehouse are; none if the project has no warehouse, or nothing was published yet.
// It does not make one. While this process cannot reach the warehouse, it returns why.
func (a *App) WarehouseStatus(ctx context.Context) ([]publish.TableStatus, error) {
	if !a.hasWarehouse() {
		return nil, nil
	}
	if a.hasLocalWarehouse() {
		if _, err := os.Lstat(a.warehouseFile()); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	if a.readOnly {
		return nil, errReadOnly
	}
	if away := a.publishing.lastError(""); away != nil {
		return nil, away
	}
	p, err := a.Publisher(ctx)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	list, err := p.Status(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("it has not answered for %s: %w", statusTimeout, err)
	}
	for i := range list {
		if failed := a.publishing.lastError(list[i].Table); failed != nil && list[i].Behind && list[i].Error == "" {
			list[i].Error = failed.Error()
		}
	}
	return list, err
}
