// Gives tasks that wait for a long one to other workers.

package app

import (
	"context"
	"errors"

	"bursar/internal/job/record"
)

// Release gives the tasks of a chunk that have not begun to new chunks.
func (s jobSteps) Release(ctx context.Context, ref record.Ref, number int) ([]int, error) {
	ctx, diskErr, endWatch := s.disk.watch(ctx)
	defer endWatch()
	added, err := s.work().Release(ctx, ref, number)
	if err != nil {
		err = errors.Join(diskErr(), err)
	}
	return added, err
}
