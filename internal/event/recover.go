// Recovery: what a dead process acknowledged and did not seal is taken up from its spools, and what is damaged of them reported.

package event

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"bursar/internal/catalog"
	"bursar/internal/event/spool"
	"bursar/internal/failure"
)

// Left reports whether spools of the stream in a folder wait to be sealed, or are expected there and are gone.
func (in *Intake) Left(ctx context.Context, stream, folder string) (bool, error) {
	numbers, err := spool.List(folder)
	if err != nil || len(numbers) > 0 {
		return len(numbers) > 0, err
	}
	state, _, err := in.readState(ctx, stream)
	return state.Opened > state.Spools, err
}

// changeState changes what the catalog keeps of a stream.
func (in *Intake) changeState(ctx context.Context, stream string, change func(*streamState)) error {
	err := in.Catalog.Update(ctx, func(tx catalog.Tx) error {
		var state streamState
		if _, err := tx.Get(streamKey(stream), &state); err != nil {
			return err
		}
		change(&state)
		return tx.Put(streamKey(stream), state)
	})
	if err != nil {
		return fmt.Errorf("write state of stream %s: %w", stream, err)
	}
	return nil
}

// expect has the catalog expect the open batch's spool, before any of its requests is acknowledged.
func (l *Live) expect(o *openBatch) error {
	if o.marked {
		return nil
	}
	o.marked = true
	return l.in.changeState(l.ctx, l.stream.Name, func(s *streamState) { s.Opened = o.work.spool })
}

// recover seals what acknowledged requests an earlier life has left in spools (rule 1). Doing so at once means that nothing
// is acknowledged on top of a file whose last write may have failed.
func (l *Live) recover(ctx context.Context) error {
	numbers, err := spool.List(l.options.Spool)
	if err != nil {
		return err
	}
	state, _, err := l.in.readState(ctx, l.stream.Name)
	if err != nil {
		return err
	}
	if state.Opened > state.Spools && !slices.Contains(numbers, state.Opened) {
		err := l.reportLoss(spool.Loss{Spool: state.Opened, Reason: "its file is gone, with all requests that were acknowledged and not sealed"})
		if err := errors.Join(err, l.pass(ctx, state.Opened)); err != nil {
			return err
		}
	}
	for i, number := range numbers {
		if number > state.Spools {
			if err := l.replay(ctx, number, spoolFacts{last: i == len(numbers)-1, expected: number <= state.Opened}); err != nil {
				return fmt.Errorf("recover acknowledged events of stream %s from %s: %w", l.stream.Name, spool.Path(l.options.Spool, number), err)
			}
			if err := l.pass(ctx, number); err != nil {
				return err
			}
		}
		if err := spool.Remove(l.options.Spool, number); err != nil {
			return err
		}
	}
	return nil
}

// pass has the catalog expect nothing of a spool any more of which nothing was sealed.
func (l *Live) pass(ctx context.Context, number uint64) error {
	state, _, err := l.in.readState(ctx, l.stream.Name)
	if err != nil || state.Spools >= number {
		return err
	}
	return l.in.changeState(ctx, l.stream.Name, func(s *streamState) { s.Spools = number })
}

// reportLoss keeps a damaged spool aside, before anything of it is sealed: afterwards nobody looks at it any more.
func (l *Live) reportLoss(loss spool.Loss) error {
	loss.Stream, loss.Found = l.stream.Name, l.in.Now().UTC()
	loss, err := spool.Report(l.options.Spool, loss)
	if err != nil {
		return err
	}
	l.in.Log.Error("acknowledged requests may be lost: "+loss.String(), "stream", loss.Stream, "spool", loss.Spool)
	if l.options.Lost != nil {
		l.options.Lost(loss)
	}
	return nil
}

// spoolFacts are what is known of a spool before it is read.
type spoolFacts struct {
	last     bool // no other follows it
	expected bool // it was written to: the catalog says so
}

// replay takes a spool's requests up again and seals them.
func (l *Live) replay(ctx context.Context, number uint64, facts spoolFacts) error {
	in, err := spool.Open(l.options.Spool, number)
	if err != nil {
		return err
	}
	defer in.Close()
	if name := in.Header.Stream; name != "" && name != l.stream.Name {
		return failure.Wrap(failure.Data, fmt.Errorf("it is one of stream %s", name))
	}
	asks, err := l.read(in)
	if err != nil {
		return err
	}
	if len(asks) == 0 { // nothing in it was acknowledged
		return l.reportDamage(in, number, 0, facts)
	}
	h := spool.Header{Stream: l.stream.Name, Number: number, Opened: in.Header.Opened}
	if h.Opened.IsZero() { // the header is damaged
		h.Opened = l.in.Now()
	}
	o, err := l.openBatch(ctx, h)
	if err != nil {
		return err
	}
	result, err := l.resume(ctx, o, in, asks, facts)
	if err != nil {
		o.abort()
		return err
	}
	if result.Batch != 0 && l.options.Sealed != nil {
		l.options.Sealed(result)
	}
	return nil
}

// resume judges the requests of a spool to its end, and seals them.
func (l *Live) resume(ctx context.Context, o *openBatch, in *spool.Reader, asks []*ask, facts spoolFacts) (Result, error) {
	taken := int64(0)
	for len(asks) > 0 {
		taken += int64(len(asks))
		if err := o.add(asks, 0); err != nil {
			return Result{}, err
		}
		var err error
		if asks, err = l.read(in); err != nil {
			return Result{}, err
		}
	}
	if err := l.reportDamage(in, o.work.spool, taken, facts); err != nil {
		return Result{}, err
	}
	return o.seal(ctx, l.in.Now())
}

// reportDamage reports what is damaged of a spool that was read to its end.
func (l *Live) reportDamage(in *spool.Reader, number uint64, taken int64, facts spoolFacts) error {
	reason := facts.damage(in)
	if reason == "" {
		return nil
	}
	return l.reportLoss(spool.Loss{Spool: number, Reason: reason, Taken: taken})
}

// damage says what is damaged of a spool that was read to its end. A torn end is one that a dying process leaves, which writes to
// its last spool only.
func (f spoolFacts) damage(in *spool.Reader) string {
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

// read reads about as much as is judged together.
func (l *Live) read(in *spool.Reader) (asks []*ask, err error) {
	for size := int64(0); size < groupBytes; {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		a := newAsk(l.stream, Request{Key: r.Key, Body: r.Body})
		asks = append(asks, a)
		size += a.size
	}
	return asks, nil
}

// VerifySpools reads what waits in the spools of a stream, and proves that it is whole and that nothing is missing.
func (in *Intake) VerifySpools(ctx context.Context, stream, folder string) error {
	numbers, err := spool.List(folder)
	if err != nil {
		return err
	}
	state, _, err := in.readState(ctx, stream)
	if err != nil {
		return err
	}
	var faults []error
	if state.Opened > state.Spools && !slices.Contains(numbers, state.Opened) {
		faults = append(faults, fmt.Errorf("spool %d of %s is gone, with acknowledged requests", state.Opened, stream))
	}
	for i, number := range numbers {
		if number <= state.Spools {
			continue // sealed: it is only removed
		}
		facts := spoolFacts{last: i == len(numbers)-1, expected: number <= state.Opened}
		if reason, err := verifySpool(folder, stream, number, facts); err != nil || reason != "" {
			faults = append(faults, err, fmt.Errorf("spool %d of %s is damaged: %s", number, stream, reason))
		}
	}
	return errors.Join(faults...)
}

// Verify is VerifySpools for a stream that is taken in live: between two writes.
func (l *Live) Verify(ctx context.Context) error {
	return l.do(ctx, false, func(ctx context.Context) error { return l.in.VerifySpools(ctx, l.stream.Name, l.options.Spool) })
}

func verifySpool(folder, stream string, number uint64, facts spoolFacts) (damage string, err error) {
	in, err := spool.Open(folder, number)
	if err != nil {
		return "it cannot be opened", err
	}
	defer in.Close()
	if name := in.Header.Stream; name != "" && name != stream {
		return "it is one of stream " + name, nil
	}
	for {
		if _, err := in.Next(); errors.Is(err, io.EOF) {
			return facts.damage(in), nil
		} else if err != nil {
			return "it cannot be read", err
		}
	}
}
