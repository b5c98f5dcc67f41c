// What tests reach inside the package.

package repair

import (
	"context"

	"bursar/internal/event"
	"bursar/internal/project"
)

// Adopt enters the stream's next batches into the catalog, as Stream does, and returns their numbers.
func Adopt(ctx context.Context, st *event.Store, s *project.Stream) (adopted []uint64, err error) {
	state, last, err := stateAndLastSealed(ctx, st, s.Name)
	if err != nil {
		return nil, err
	}
	for number := state.Batches + 1; number <= last; number++ {
		if err := adopt(ctx, st, s, number); err != nil {
			return adopted, err
		}
		adopted = append(adopted, number)
	}
	return adopted, nil
}
