// Recovery of live intake: seals acknowledged requests that a dead process left in spools, and reports damaged spools.

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"bursar/internal/event"
	"bursar/internal/event/intake"
	"bursar/internal/event/live/spool"
	"bursar/internal/failure"
)

// HasUnsealedSpools reports whether a folder contains spools of the stream that are not sealed, or lacks one that is expected.
func HasUnsealedSpools(ctx context.Context, st *event.Store, stream, folder string) (bool, error) {
	numbers, err := spool.List(folder)
	if err != nil || len(numbers) > 0 {
		return len(numbers) > 0, err
	}
	state, _, err := st.ReadState(ctx, stream)
	return state.Opened > state.Spools, err
}

// announceSpool records in the catalog that the open batch has a spool, before any of its requests is acknowledged.
func (l *Intake) announceSpool(o *openBatch) error {
	if o.announced {
		return nil
	}
	o.announced = true
	return l.store.ChangeState(l.ctx, l.stream.Name, func(s *event.StreamState) { s.Opened = o.batch.Spool })
}

// recover seals the acknowledged requests that an earlier process left in spools (rule 1). Since it seals them at once, nothing is acknowledged on top
// of a file whose last write may have failed.
func (l *Intake) recover(ctx context.Context) error {
	numbers, err := spool.List(l.options.Spool)
	if err != nil {
		return err
	}
	state, _, err := l.store.ReadState(ctx, l.stream.Name)
	if err != nil {
		return err
	}
	if state.Opened > state.Spools && !slices.Contains(numbers, state.Opened) {
		err := l.reportLoss(spool.Loss{Spool: state.Opened, Reason: "its file is missing, with all requests that were acknowledged and not sealed"})
		if err := errors.Join(err, l.skipSpool(ctx, state.Opened)); err != nil {
			return err
		}
	}
	for i, number := range numbers {
		if number > state.Spools {
			if err := l.replay(ctx, number, spoolContext{last: i == len(numbers)-1, expected: number <= state.Opened}); err != nil {
				return fmt.Errorf("recover acknowledged events of stream %s from %s: %w", l.stream.Name, spool.Path(l.options.Spool, number), err)
			}
			if err := l.skipSpool(ctx, number); err != nil {
				return err
			}
		}
		if err := spool.Remove(l.options.Spool, number); err != nil {
			return err
		}
	}
	return nil
}

// skipSpool records that a spool of which nothing was sealed is no longer expected.
func (l *Intake) skipSpool(ctx context.Context, number uint64) error {
	return l.store.ChangeState(ctx, l.stream.Name, func(s *event.StreamState) { s.Spools = max(s.Spools, number) })
}

// reportLoss keeps a damaged spool before anything of it is sealed: afterwards it would be removed.
func (l *Intake) reportLoss(loss spool.Loss) error {
	loss.Stream, loss.Found = l.stream.Name, l.store.Now().UTC()
	loss, err := spool.Report(l.options.Spool, loss)
	if err != nil {
		return err
	}
	l.store.Log.Error("acknowledged requests may be lost: "+loss.String(), "stream", loss.Stream, "spool", loss.Spool)
	if l.options.OnLoss != nil {
		l.options.OnLoss(loss)
	}
	return nil
}

// spoolContext is what is known of a spool before it is read.
type spoolContext struct {
	last     bool // no other spool follows it
	expected bool // the catalog says that it was written to
}

func (l *Intake) replay(ctx context.Context, number uint64, facts spoolContext) error {
	in, err := spool.Open(l.options.Spool, number)
	if err != nil {
		return err
	}
	defer in.Close()
	if name := in.Header.Stream; name != "" && name != l.stream.Name {
		return failure.Wrap(failure.Data, fmt.Errorf("it belongs to stream %s", name))
	}
	requests, err := l.readGroup(in)
	if err != nil {
		return err
	}
	if len(requests) == 0 { // nothing in it was acknowledged
		return l.reportDamage(in, number, 0, facts)
	}
	h := spool.Header{Stream: l.stream.Name, Number: number, Opened: in.Header.Opened}
	if h.Opened.IsZero() { // the header is damaged
		h.Opened = l.store.Now()
	}
	o, err := l.openBatch(ctx, h)
	if err != nil {
		return err
	}
	result, err := l.sealReplayed(ctx, o, in, requests, facts)
	if err != nil {
		o.abort()
		return err
	}
	l.reportSealed(result)
	return nil
}

// sealReplayed ingests the requests of a spool to its end, and seals them.
func (l *Intake) sealReplayed(ctx context.Context, o *openBatch, in *spool.Reader, requests []*pendingRequest, facts spoolContext) (intake.Result, error) {
	recovered := int64(0)
	for len(requests) > 0 {
		recovered += int64(len(requests))
		if err := o.add(requests, 0); err != nil {
			return intake.Result{}, err
		}
		var err error
		if requests, err = l.readGroup(in); err != nil {
			return intake.Result{}, err
		}
	}
	if err := l.reportDamage(in, o.batch.Spool, recovered, facts); err != nil {
		return intake.Result{}, err
	}
	return o.seal(ctx, l.store.Now())
}

// reportDamage reports the damage of a spool that was read to its end.
func (l *Intake) reportDamage(in *spool.Reader, number uint64, recovered int64, facts spoolContext) error {
	reason := facts.damage(in)
	if reason == "" {
		return nil
	}
	return l.reportLoss(spool.Loss{Spool: number, Reason: reason, Recovered: recovered})
}

// damage describes the damage of a spool that was read to its end. A torn end is not damage in the last spool: a dying process leaves one.
func (f spoolContext) damage(in *spool.Reader) string {
	reason := in.Damage()
	switch {
	case reason != "":
		return reason
	case in.Torn() && !f.last:
		return "its end is torn, and another spool follows it"
	case in.Header.Number == 0 && f.expected:
		return "its file is empty"
	}
	return ""
}

// readGroup reads about as many requests as are checked together.
func (l *Intake) readGroup(in *spool.Reader) (requests []*pendingRequest, err error) {
	for size := int64(0); size < groupBytes; {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		p := newPendingRequest(l.stream, r)
		requests = append(requests, p)
		size += p.size
	}
	return requests, nil
}

// VerifySpools reads the unsealed spools of a stream, and checks that they are complete and that none is missing.
func VerifySpools(ctx context.Context, st *event.Store, stream, folder string) error {
	numbers, err := spool.List(folder)
	if err != nil {
		return err
	}
	state, _, err := st.ReadState(ctx, stream)
	if err != nil {
		return err
	}
	var faults []error
	if state.Opened > state.Spools && !slices.Contains(numbers, state.Opened) {
		faults = append(faults, fmt.Errorf("spool %d of %s is missing, with acknowledged requests", state.Opened, stream))
	}
	for i, number := range numbers {
		if number <= state.Spools {
			continue // already sealed: it is only removed
		}
		facts := spoolContext{last: i == len(numbers)-1, expected: number <= state.Opened}
		if reason, err := verifySpool(folder, stream, number, facts); err != nil || reason != "" {
			faults = append(faults, err, fmt.Errorf("spool %d of %s is damaged: %s", number, stream, reason))
		}
	}
	return errors.Join(faults...)
}

// Verify is VerifySpools for a stream with live intake, between two writes.
func (l *Intake) Verify(ctx context.Context) error {
	return l.do(ctx, false, func(ctx context.Context) error { return VerifySpools(ctx, l.store, l.stream.Name, l.options.Spool) })
}

func verifySpool(folder, stream string, number uint64, facts spoolContext) (damage string, err error) {
	in, err := spool.Open(folder, number)
	if err != nil {
		return "it cannot be opened", err
	}
	defer in.Close()
	if name := in.Header.Stream; name != "" && name != stream {
		return "it belongs to stream " + name, nil
	}
	for {
		if _, err := in.Next(); errors.Is(err, io.EOF) {
			return facts.damage(in), nil
		} else if err != nil {
			return "it cannot be read", err
		}
	}
}
