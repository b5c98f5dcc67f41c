// Ownership of a shared project while it is served: `up` ends when another process has taken it over.

package app

import (
	"context"
	"time"
)

// confirmEvery is how often an idle process asks whether it still owns the project. A busy one asks for each group of requests.
const confirmEvery = 2 * time.Second

// whileOwned returns a context that ends when another process has taken the project over. end ends it, too, and returns that as the error: whatever
// else failed then failed for this reason.
func (a *App) whileOwned(ctx context.Context) (owned context.Context, end func(error) error) {
	owned, cancel := context.WithCancelCause(ctx)
	if a.confirm != nil {
		go func() {
			ticker := time.NewTicker(confirmEvery)
			defer ticker.Stop()
			for owned.Err() == nil {
				if err := a.confirm(owned); isTakenOver(err) {
					cancel(err)
				}
				select {
				case <-ticker.C:
				case <-owned.Done():
				}
			}
		}()
	}
	return owned, func(err error) error {
		cancel(nil)
		if lost := context.Cause(owned); isTakenOver(lost) {
			return lost
		}
		return err
	}
}
