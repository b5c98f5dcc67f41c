// The rate of a job: how many attempts may begin in a window of time, over all workers and slots.

package chunk

import (
	"context"
	"time"

	"bursar/internal/catalog"
	"bursar/internal/project"
)

// permitInterval is the time in which a worker that is not slower than before uses what it takes at a time.
const permitInterval = time.Second

// window is how much of a job's rate is used.
type window struct {
	Begin time.Time `json:"begin"`
	Used  int       `json:"used"`
}

// permits are those of the job's rate that an execution has taken, and has not used.
type permits struct {
	left  int
	most  int       // to take at a time
	taken time.Time // the last ones
	until time.Time // when they lapse
}

// permit takes one permit of the job's rate. If there is none, it sets when the next ones are.
func (x *execution) permit(ctx context.Context) (bool, error) {
	if x.Job.Rate.Count == 0 {
		return true, nil
	}
	p, now := &x.permits, x.chunk.work.Now()
	if !now.Before(p.until) { // of a window that has passed
		p.left = 0
	}
	if p.left == 0 {
		p.adapt(now)
		open, _ := x.chunk.outcomes.remaining()
		granted, next, err := x.chunk.work.takePermits(ctx, x.Job, min(open, p.most))
		if err != nil {
			return false, err
		}
		if granted == 0 {
			x.wait = next
			return false, nil
		}
		p.left, p.until = granted, next
	}
	p.left--
	return true, nil
}

// adapt sets how many permits are taken at a time: about as many as attempts begin in permitInterval, so that other workers find some.
func (p *permits) adapt(now time.Time) {
	if p.most > 0 && now.Sub(p.taken) < permitInterval {
		p.most *= 2
	} else {
		p.most = 1
	}
	p.taken = now
}

// returnPermits gives back what was taken of the current window and is not used. If that fails, they are lost: the rate is never exceeded.
func (x *execution) returnPermits(ctx context.Context) {
	p := &x.permits
	if p.left == 0 {
		return
	}
	_ = x.chunk.work.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var used window
		if _, err := tx.Get(rateKey(x.Job), &used); err != nil || !used.Begin.Add(x.Job.Rate.Per).Equal(p.until) {
			return err
		}
		used.Used -= p.left
		return tx.Put(rateKey(x.Job), used)
	})
	p.left = 0
}

func rateKey(j *project.Job) string { return "job/" + j.Name + "/rate" }

// takePermits takes up to wanted permits of the current window, and returns when the next window begins. Permits that a dead worker has taken
// are lost: the rate is never exceeded.
func (w *Work) takePermits(ctx context.Context, j *project.Job, wanted int) (granted int, next time.Time, err error) {
	err = w.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var used window
		if _, err := tx.Get(rateKey(j), &used); err != nil {
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
		return tx.Put(rateKey(j), used)
	})
	return granted, next, err
}
