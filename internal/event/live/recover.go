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

// unsealed is what is stored of a stream's spools, as of one moment.
type unsealed struct {
	spools []spool.ID
	state  event.StreamState
}

// readUnsealed reads until the state did not change meanwhile: another process may acknowledge and seal requests.
func readUnsealed(ctx context.Context, st *event.Store, stream string, store spool.Store) (u unsealed, err error) {
	u.state, _, err = st.ReadState(ctx, stream)
	for err == nil {
		before := u.state
		if u.spools, err = store.List(ctx); err != nil {
			break
		}
		u.state, _, err = st.ReadState(ctx, stream)
		if before.Spools == u.state.Spools && before.Opened == u.state.Opened {
			break
		}
	}
	return u, err
}

// missing reports whether a spool with acknowledged requests that are not sealed is missing.
func (u *unsealed) missing() (id spool.ID, missing bool) {
	id = spool.ID{Number: u.state.Opened, Opening: u.state.Opening}
	return id, id.Number > u.state.Spools && !slices.Contains(u.spools, id)
}

// isLeftover reports whether nothing in a spool was acknowledged that is not sealed. Two processes may open a spool with the same number; the state
// says which one was allowed to acknowledge.
func (u *unsealed) isLeftover(id spool.ID) bool {
	return id.Number <= u.state.Spools || id.Number == u.state.Opened && id.Opening != u.state.Opening
}

// leftSpool is what is known of a spool before it is read.
type leftSpool struct {
	spool.ID
	last     bool // no other spool follows it
	expected bool // the catalog says that it was written to
}

func (u *unsealed) at(i int) leftSpool {
	return leftSpool{ID: u.spools[i], last: i == len(u.spools)-1, expected: u.spools[i].Number <= u.state.Opened}
}

// HasUnsealedSpools reports whether a stream has spools, or lacks one that is expected.
func HasUnsealedSpools(ctx context.Context, st *event.Store, stream string, store spool.Store) (bool, error) {
	u, err := readUnsealed(ctx, st, stream, store)
	_, missing := u.missing()
	return len(u.spools) > 0 || missing, err
}

// announceSpool records in the catalog that the open batch has a spool, before any of its requests is acknowledged.
func (l *Intake) announceSpool(o *openBatch) error {
	if o.announced {
		return nil
	}
	o.announced = true
	id := o.spool.ID()
	return l.store.ChangeState(l.ctx, l.stream.Name, func(s *event.StreamState) { s.Opened, s.Opening = id.Number, id.Opening })
}

// confirm fails if another process owns the stream.
func (l *Intake) confirm(ctx context.Context) error {
	if l.options.Confirm == nil {
		return nil
	}
	return l.options.Confirm(ctx)
}

// recover seals the acknowledged requests that an earlier process left in spools (rule 1). Since it seals them at once, nothing is acknowledged on top
// of a spool whose last write may have failed.
func (l *Intake) recover(ctx context.Context) error {
	if err := l.confirm(ctx); err != nil {
		return err
	}
	u, err := readUnsealed(ctx, l.store, l.stream.Name, l.options.Spool)
	if err != nil {
		return err
	}
	if id, missing := u.missing(); missing {
		err := l.reportLoss(ctx, id, spool.Loss{Reason: "it is missing, with all requests that were acknowledged and not sealed"})
		if err := errors.Join(err, l.skipSpool(ctx, id.Number)); err != nil {
			return err
		}
	}
	for i, id := range u.spools {
		if !u.isLeftover(id) {
			if err := l.replay(ctx, u.at(i)); err != nil {
				return fmt.Errorf("recover acknowledged events of stream %s from %s: %w", l.stream.Name, l.options.Spool.Place(id), err)
			}
			if err := l.skipSpool(ctx, id.Number); err != nil {
				return err
			}
		}
		if err := l.options.Spool.Remove(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// skipSpool records that a spool of which nothing was sealed is no longer expected.
func (l *Intake) skipSpool(ctx context.Context, number uint64) error {
	return l.store.ChangeState(ctx, l.stream.Name, func(s *event.StreamState) { s.Spools = max(s.Spools, number) })
}

// reportLoss keeps a damaged spool before anything of it is sealed: afterwards it would be removed. A process that does not own the stream any more
// reports nothing: what it misses may have been sealed.
func (l *Intake) reportLoss(ctx context.Context, id spool.ID, loss spool.Loss) error {
	if err := l.confirm(ctx); err != nil {
		return err
	}
	loss.Spool, loss.Opening, loss.Stream, loss.Found = id.Number, id.Opening, l.stream.Name, l.store.Now().UTC()
	loss, err := l.options.Spool.Report(ctx, loss)
	if err != nil {
		return err
	}
	l.store.Log.Error("acknowledged requests may be lost: "+loss.String(), "stream", loss.Stream, "spool", loss.Spool)
	if l.options.OnLoss != nil {
		l.options.OnLoss(loss)
	}
	return nil
}

func (l *Intake) replay(ctx context.Context, s leftSpool) error {
	in, err := l.options.Spool.Open(ctx, s.ID)
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
		return l.reportDamage(ctx, in, s, 0)
	}
	h := spool.Header{Stream: l.stream.Name, Number: s.Number, Opened: in.Header.Opened}
	if h.Opened.IsZero() { // the header is damaged
		h.Opened = l.store.Now()
	}
	o, err := l.openBatch(ctx, h)
	if err != nil {
		return err
	}
	result, err := l.sealReplayed(ctx, o, in, requests, s)
	if err != nil {
		o.abort(ctx)
		return err
	}
	l.reportSealed(result)
	return nil
}

// sealReplayed ingests the requests of a spool to its end, and seals them.
func (l *Intake) sealReplayed(ctx context.Context, o *openBatch, in *spool.Reader, requests []*pendingRequest, s leftSpool) (intake.Result, error) {
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
	if err := l.reportDamage(ctx, in, s, recovered); err != nil {
		return intake.Result{}, err
	}
	return o.seal(ctx, l.store.Now())
}

// reportDamage reports the damage of a spool that was read to its end.
func (l *Intake) reportDamage(ctx context.Context, in *spool.Reader, s leftSpool, recovered int64) error {
	reason := s.damage(in)
	if reason == "" {
		return nil
	}
	return l.reportLoss(ctx, s.ID, spool.Loss{Reason: reason, Recovered: recovered})
}

// damage describes the damage of a spool that was read to its end. A torn end is not damage in the last spool: a dying process leaves one.
func (s leftSpool) damage(in *spool.Reader) string {
	reason := in.Damage()
	switch {
	case reason != "":
		return reason
	case in.Torn() && !s.last:
		return "its end is torn, and another spool follows it"
	case in.Header.Number == 0 && s.expected:
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
