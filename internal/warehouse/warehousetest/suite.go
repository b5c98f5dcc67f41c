// Package warehousetest is the conformance suite of warehouse.Database: what every backend must do, and what the rest of the program may
// rely on. It owns no backend and must not know how one works.
package warehousetest

import (
	"context"
	"errors"
	"testing"

	"bursar/internal/warehouse"
)

// Opener opens the warehouse of a place, which is empty at first. The suite closes what it opens, and opens a place again to check what
// is durable.
type Opener func(t *testing.T, place string) warehouse.Database

// Run runs the suite. Every test gets an empty folder, whose name no other one has.
func Run(t *testing.T, open Opener) {
	tests := map[string]func(t *testing.T, open Opener){
		"values":                         values,
		"extreme values":                 extremeValues,
		"text of other types":            otherTypes,
		"no rows":                        noRows,
		"many rows":                      manyRows,
		"describe":                       describes,
		"add columns":                    addsColumns,
		"append some columns":            appendsSome,
		"names":                          names,
		"long names":                     longNames,
		"names that collide":             collidingNames,
		"replace":                        replaces,
		"replace below views":            replacesBelowViews,
		"stage":                          stages,
		"stage nothing":                  stagesNothing,
		"blanks":                         blanks,
		"drop":                           drops,
		"a failed write changes nothing": failedWrite,
		"failing rows":                   failingRows,
		"values that are refused":        refusedValues,
		"lasts":                          lasts,
		"writes take turns":              writesTakeTurns,
		"a read is one state":            readIsOneState,
		"a read writes nothing":          readWritesNothing,
		"compare":                        compares,
		"cancelled":                      cancelled,
		"cancelled while rows arrive":    cancelledRows,
		"errors name the cause":          errorsNameTheCause,
		"asks":                           asks,
		"asks of all types":              asksOfAllTypes,
		"refuses statements":             refusesStatements,
		"checks selects":                 checksSelects,
		"faults of statements":           faultsOfStatements,
		"stops statements":               stopsStatements,
		"errors name the line":           errorsNameTheLine,
	}
	again := func(t *testing.T, place string) warehouse.Database { return twice{open(t, place)} }
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
		t.Run(name+", each function called twice", func(t *testing.T) {
			t.Parallel()
			test(t, again)
		})
	}
}

// twice calls every function twice, as any warehouse may: that of a Write first in a transaction that is rolled back.
type twice struct{ warehouse.Database }

var errConflict = errors.New("conflict with another transaction")

func (d twice) Write(ctx context.Context, fn func(context.Context, warehouse.Tx) error) error {
	err := d.Database.Write(ctx, func(ctx context.Context, tx warehouse.Tx) error { return errors.Join(fn(ctx, tx), errConflict) })
	if !errors.Is(err, errConflict) {
		return err
	}
	return d.Database.Write(ctx, fn)
}

func (d twice) Read(ctx context.Context, fn func(context.Context, warehouse.Reader) error) error {
	return errors.Join(d.Database.Read(ctx, fn), d.Database.Read(ctx, fn))
}

func (d twice) Compare(ctx context.Context, fn func(context.Context, warehouse.Stager) error) error {
	return errors.Join(d.Database.Compare(ctx, fn), d.Database.Compare(ctx, fn))
}
