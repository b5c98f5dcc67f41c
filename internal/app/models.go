// The models of the project, which are made in its warehouse.

package app

import (
	"context"
	"time"

	"bursar/internal/app/marker"
	models "bursar/internal/warehouse/model"
)

// Models returns what runs and tests the models of the project.
func (a *App) Models(ctx context.Context) (*models.Runner, error) {
	id, err := marker.ID(ctx, a.catalog)
	if err != nil {
		return nil, err
	}
	return &models.Runner{Project: a.Project, ProjectID: id, Open: a.Warehouse, Now: time.Now, Duck: checkOptions}, nil
}
