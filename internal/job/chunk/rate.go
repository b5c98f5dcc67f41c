// The rate of a job: how many attempts may begin in a window of time, over all workers and slots.

package chunk

import (
	"context"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/project"
)

// window is how much of a job's rate is used.
type window struct {
	Begin time.Time `json:"begin"`
	Used  int       `json:"used"`
}

// permit takes one permit of the job's rate. If there is none, it sets when the next ones are.
func (x *execution) permit(ctx context.Context) (bool, error) {
	if x.Job.Rate.Count == 0 {
		return true, nil
	}
	if x.permits == 0 {
		open, _ := x.chunk.outcomes.remaining()
		granted, next, err := x.chunk.work.takePermits(ctx, x.Job, open)
		if err != nil {
			return false, err
		}
		if granted == 0 {
			x.wait = next
			return false, nil
		}
		x.permits, x.until = granted, next
	}
	if !x.chunk.work.Now().Before(x.until) { // of a window that has passed
		x.permits = 0
		return x.permit(ctx)
	}
	x.permits--
	return true, nil
}

// takePermits takes up to wanted permits of the current window, and returns when the next window begins. Permits that a dead worker has taken
// are lost: the rate is never exceeded.
func (w *Work) takePermits(ctx context.Context, j *project.Job, wanted int) (granted int, next time.Time, err error) {
	key := "job/" + j.Name + "/rate"
	err = w.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var used window
		if _, err := tx.Get(key, &used); err != nil {
			return err
		}
		begin := w.Now().UTC().Truncate(j.Rate.Per)
		if begin.After(used.Begin) { // a clock that is behind uses the window of the others
			used = window{Begin: begin}
		}
		granted = max(min(wanted, j.Rate.Count-used.Used), 0)
		next = used.Begin.Add(j.Rate.Per)
		if granted == 0 {
			return nil
		}
		used.Used += granted
		return tx.Put(key, used)
	})
	return granted, next, err
}
