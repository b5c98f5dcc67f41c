// What is recorded of institutions that do not work.

package account

import (
	"context"
	"time"

	"bursar/internal/catalog"
)

const breakerPrefix = "aggregate/breaker/"

// Breaker records that an institution is left alone, because it does not work.
type Breaker struct {
	State    string    `json:"state"` // open, or half-open
	Since    time.Time `json:"since"` // when it opened
	Until    time.Time `json:"until"` // when it is tried again
	Failures int       `json:"failures"`
	Cause    string    `json:"cause,omitempty"` // the last failure
}

// SetBreaker records the breaker of an institution; one without a state is closed, and is forgotten.
func (s *Accounts) SetBreaker(ctx context.Context, institution string, b Breaker) error {
	return s.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if b.State == "" {
			return tx.Delete(breakerPrefix + institution)
		}
		var before Breaker
		if _, err := tx.Get(breakerPrefix+institution, &before); err != nil {
			return err
		}
		now := b
		if now.Since = before.Since; now.Since.IsZero() {
			now.Since = s.Now().UTC()
		}
		if now.Cause == "" {
			now.Cause = before.Cause
		}
		return tx.Put(breakerPrefix+institution, now)
	})
}

// Breaker returns the breaker of an institution; the zero value is closed.
func (s *Accounts) Breaker(ctx context.Context, institution string) (b Breaker, err error) {
	return catalog.Read(ctx, s.Catalog, func(tx catalog.Tx) (b Breaker, err error) {
		_, err = tx.Get(breakerPrefix+institution, &b)
		return b, err
	})
}
