// What the processes of a shared project do at the moment.

package app

import (
	"context"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event/owner"
	"bursar/internal/reconcile/flow"
	"bursar/internal/temporal"
	warehouseflow "bursar/internal/warehouse/flow"
)

// Worker is a process with what it does at the moment.
type Worker struct {
	Process
	Does []string `json:"does"` // such as "owns payments", "orders: merge" and "reminders/2026-11-25T08:00:00Z: 3 chunks"
}

// ListWorkers lists the processes that share the project. If Temporal does not answer, the steps that they execute are
// not in the list: unknown is the reason.
func (a *App) ListWorkers(ctx context.Context) (workers []Worker, unknown, err error) {
	list, err := a.Processes(ctx)
	if err != nil {
		return nil, nil, err
	}
	does := map[string][]string{}
	if err := a.addOwners(ctx, does); err != nil {
		return nil, nil, err
	}
	unknown = a.addSteps(ctx, does)
	workers = []Worker{}
	for _, p := range list {
		slices.Sort(does[p.ID])
		workers = append(workers, Worker{p, append([]string{}, does[p.ID]...)})
	}
	return workers, unknown, ctx.Err()
}

// addOwners adds the streams that each process owns.
func (a *App) addOwners(ctx context.Context, does map[string][]string) error {
	return a.catalog.View(ctx, func(tx catalog.Tx) error {
		clear(does)
		for _, s := range a.Project.AllStreams() {
			var o owner.Owner
			if _, err := tx.Get(owner.Prefix+s.Name, &o); err != nil {
				return err
			}
			if o.Process != "" {
				does[o.Process] = append(does[o.Process], "owns "+s.Name)
			}
		}
		return nil
	})
}

// addSteps adds the steps that each process executes.
func (a *App) addSteps(ctx context.Context, does map[string][]string) error {
	a.starting.Lock()
	connection, err := a.connectTemporal(ctx)
	a.starting.Unlock()
	if err != nil {
		return err
	}
	for _, p := range a.Project.Pipelines {
		steps, err := flow.Executing(ctx, connection.Client(), p.Name)
		if err != nil {
			return err
		}
		for _, s := range steps {
			does[s.Process] = append(does[s.Process], p.Name+": "+s.Step)
		}
	}
	publishing, err := temporal.Executing(ctx, connection.Client(), warehouseflow.WorkflowID)
	for _, s := range publishing {
		does[s.Process] = append(does[s.Process], "warehouse: "+s.Step)
	}
	if err != nil {
		return err
	}
	return a.addSlots(ctx, connection, does)
}
