// What the processes of a shared project do at the moment.

package app

import (
	"context"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event/owner"
	"bursar/internal/reconcile/flow"
)

// Worker is a process with what it does at the moment.
type Worker struct {
	Process
	Does []string `json:"does"` // such as "owns payments" and "orders: merge"
}

// ListWorkers lists the processes that share the project.
func (a *App) ListWorkers(ctx context.Context) ([]Worker, error) {
	list, err := a.Processes(ctx)
	if err != nil {
		return nil, err
	}
	does, err := a.doing(ctx)
	if err != nil {
		return nil, err
	}
	workers := []Worker{}
	for _, p := range list {
		w := Worker{Process: p, Does: []string{}}
		slices.Sort(does[p.ID])
		workers = append(workers, Worker{p, append(w.Does, does[p.ID]...)})
	}
	return workers, nil
}

// doing returns what each process does: the streams that it owns, and the steps that it executes.
func (a *App) doing(ctx context.Context) (map[string][]string, error) {
	does := map[string][]string{}
	err := a.catalog.View(ctx, func(tx catalog.Tx) error {
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
	if err != nil {
		return nil, err
	}
	a.starting.Lock()
	connection, err := a.connectTemporal(ctx)
	a.starting.Unlock()
	if err != nil {
		return nil, err
	}
	for _, p := range a.Project.Pipelines {
		steps, err := flow.Executing(ctx, connection.Client(), p.Name)
		if err != nil {
			return nil, err
		}
		for _, s := range steps {
			does[s.Process] = append(does[s.Process], p.Name+": "+s.Step)
		}
	}
	return does, nil
}
