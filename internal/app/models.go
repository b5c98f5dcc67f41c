// The models of the project, which are made in its warehouse.

package app

import (
	"context"
	"time"

	"bursar/internal/app/marker"
	"bursar/internal/warehouse/model"
)

// Models returns what runs and tests the models of the project.
func (a *App) Models(ctx context.Context) (*model.Runner, error) {
	id, err := marker.ID(ctx, a.catalog)
	if err != nil {
		return nil, err
	}
	return &model.Runner{Project: a.Project, ProjectID: id, Open: a.Warehouse, Now: time.Now, Duck: checkOptions}, nil
}
