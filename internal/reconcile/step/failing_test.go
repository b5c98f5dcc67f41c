// The class of a sum that has too many digits, also where the event that is the cause cannot be found.

package step

import (
	"context"
	"errors"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/fold"
	"bursar/internal/project"
	"bursar/internal/reconcile"
	"bursar/internal/reconcile/runs"
)

// unreadableCatalog cannot be read.
type unreadableCatalog struct{ catalog.Catalog }

func (unreadableCatalog) View(context.Context, func(catalog.Tx) error) error {
	return errors.New("gone")
}

func TestSumBeyond38DigitsIsOfClassData(t *testing.T) {
	t.Parallel()
	e := New(&reconcile.Engine{Catalog: unreadableCatalog{}, Project: &project.Project{Pipelines: []*project.Pipeline{{Name: "orders", From: []string{"payments"}}}}})
	run := &runs.Run{Pipeline: "orders", Generation: 1, Run: 1, Batches: []runs.BatchRef{{Stream: "payments", Batch: 1}}}
	err := e.failingEvent(t.Context(), nil, &fold.Plan{}, run, 0, errDigits)
	if !errors.Is(err, errDigits) || failure.Of(err) != failure.Data {
		t.Errorf("%v [%v]", err, failure.Of(err))
	}
}
