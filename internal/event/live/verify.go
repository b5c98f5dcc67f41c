// Verification of the spools that are not sealed, and the number of requests in them.

package live

import (
	"context"
	"errors"
	"fmt"
	"io"

	"bursar/internal/event"
	"bursar/internal/event/live/spool"
)

// VerifySpools reads the unsealed spools of a stream, and checks that they are complete and that none is missing.
func VerifySpools(ctx context.Context, st *event.Store, stream string, store spool.Store) error {
	u, err := readUnsealed(ctx, st, stream, store)
	if err != nil {
		return err
	}
	var faults []error
	if id, missing := u.missing(); missing {
		faults = append(faults, fmt.Errorf("spool %d of %s is missing, with acknowledged requests", id.Number, stream))
	}
	for i, id := range u.spools {
		if u.isLeftover(id) {
			continue // it is only removed
		}
		reason, err := verifySpool(ctx, store, stream, u.at(i))
		if err == nil && reason == "" {
			continue
		}
		// Another process may have sealed and removed it meanwhile.
		state, _, failed := st.ReadState(ctx, stream)
		if failed != nil {
			return failed
		}
		if id.Number > state.Spools {
			faults = append(faults, err, fmt.Errorf("spool %d of %s is damaged: %s", id.Number, stream, reason))
		}
	}
	return errors.Join(faults...)
}

// Verify is VerifySpools for a stream with live intake, between two writes.
func (l *Intake) Verify(ctx context.Context) error {
	return l.do(ctx, false, func(ctx context.Context) error { return VerifySpools(ctx, l.store, l.stream.Name, l.options.Spool) })
}

func verifySpool(ctx context.Context, store spool.Store, stream string, s leftSpool) (damage string, err error) {
	in, err := store.Open(ctx, s.ID)
	if err != nil {
		return "it cannot be opened", err
	}
	defer in.Close()
	if name := in.Header.Stream; name != "" && name != stream {
		return "it belongs to stream " + name, nil
	}
	for {
		if _, err := in.Next(); errors.Is(err, io.EOF) {
			return s.damage(in), nil
		} else if err != nil {
			return "it cannot be read", err
		}
	}
}

// CountUnsealed counts the acknowledged requests of a stream that are not sealed, and one more for each spool of which something cannot be read.
func CountUnsealed(ctx context.Context, st *event.Store, stream string, store spool.Store) (requests int64, err error) {
	u, err := readUnsealed(ctx, st, stream, store)
	if err != nil {
		return 0, err
	}
	for _, id := range u.spools {
		if !u.isLeftover(id) {
			requests += countRequests(ctx, store, id)
		}
	}
	return requests, nil
}

func countRequests(ctx context.Context, store spool.Store, id spool.ID) (n int64) {
	in, err := store.Open(ctx, id)
	if err != nil {
		return 1
	}
	defer in.Close()
	for ; ; n++ {
		if _, err := in.Next(); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			return n + 1
		}
	}
}
