// Tests of two processes that both believe that they own a stream, and of damaged spools as objects.

package live_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/event/live"
	"bursar/internal/event/live/spool"
	"bursar/internal/fault"
	"bursar/internal/object"
	"bursar/internal/object/objecttest"
)

var errOwner = errors.New("another process owns the stream")

// owned is the catalog of one owner, whose updates fail once there is another.
type owned struct {
	catalog.Catalog
	own int
}

func (c owned) check(tx catalog.Tx) error {
	var now int
	if _, err := tx.Get("test/owner", &now); err != nil || now != c.own {
		return errors.Join(err, errOwner)
	}
	return nil
}

func (c owned) Update(ctx context.Context, fn func(catalog.Tx) error) error {
	return c.Catalog.Update(ctx, func(tx catalog.Tx) error {
		if err := c.check(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// own opens live intake of a process that owns the stream from now on, with stores that a plan may stop.
func (h *harness) own(plan *fault.Plan, number int) (*live.Intake, error) {
	h.T.Helper()
	err := h.Store.Catalog.Update(context.Background(), func(tx catalog.Tx) error { return tx.Put("test/owner", number) })
	if err != nil {
		h.T.Fatal(err)
	}
	st := *h.Store
	mine := owned{fault.Catalog(h.Store.Catalog, plan), number}
	st.Objects, st.Catalog = fault.Objects(h.Store.Objects, plan), mine
	return live.Open(context.Background(), &st, h.Stream, live.Options{
		Spool: spool.InObjects(st.Objects).Of("sales"), Window: 1 << 40,
		OnLoss:  func(l spool.Loss) { h.T.Errorf("owner %d, stopped before %s: %v", number, plan.Call(plan.Calls()), l) },
		Confirm: func(ctx context.Context) error { return mine.View(ctx, mine.check) },
	})
}

func kill(l *live.Intake) {
	dead, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.Close(dead)
}

// TestFormerOwner stops a process before its calls to the stores, in turn. Another one takes the stream over, seals what the first acknowledged, and
// acknowledges requests of its own. Then the first continues: it acknowledges nothing that is not found, and nothing of the other is lost.
func TestFormerOwner(t *testing.T) {
	t.Parallel()
	const lanes, step = 2, 7
	for lane := range lanes {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			n := 1 + rand.IntN(step)
			t.Logf("from call %d on", n)
			for formerOwner(t, n, lane == 0) && !t.Failed() {
				n += step
			}
			if n < 40 {
				t.Errorf("the script made %d calls only", n)
			}
		})
	}
}

// formerOwner stops the n-th call, and reports whether there was one. The next owner dies with an unsealed spool, or seals it.
func formerOwner(t *testing.T, n int, dies bool) (stopped bool) {
	t.Helper()
	h := backends["objects"](t)
	plan, acked := fault.NewPlan(), map[string]bool{}
	send := func(l *live.Intake, key, id string) error {
		_, err := l.Accept(context.Background(), live.Request{Key: key, Body: []byte(sale(id, "sale", "1.00", "EUR"))})
		if err == nil {
			acked[id] = true
		}
		return err
	}
	plan.PauseAt(n, func() {
		stopped = true
		next, err := h.own(fault.NewPlan(), 2)
		if err != nil {
			t.Errorf("stopped before %s: %v", plan.Call(n), err)
			return
		}
		h.expectStored("stopped before "+plan.Call(n), maps.Clone(acked), false)
		if err := errors.Join(send(next, "", "other 1"), send(next, "k1", "own 1"), send(next, "", "other 2")); err != nil {
			t.Errorf("the next owner, stopped before %s: %v", plan.Call(n), err)
		}
		if dies {
			kill(next)
		} else if err := next.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	first, err := h.own(fault.NewPlan(), 0)
	if err := errors.Join(err, send(first, "", "before 1"), send(first, "", "before 2")); err != nil {
		t.Fatal(err)
	}
	kill(first)
	if former, err := h.own(plan, 1); err == nil {
		for i := range 4 {
			_ = send(former, fmt.Sprint("k", i), fmt.Sprint("own ", i))
			if i == 1 {
				_ = former.Seal(context.Background())
			}
		}
		kill(former)
	}
	last, err := h.own(fault.NewPlan(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := last.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.expectStored("in the end, stopped before "+plan.Call(n), acked, false)
	if losses, err := h.Spools.Losses(t.Context()); err != nil || len(losses) > 0 {
		t.Errorf("stopped before %s: losses %v, %v", plan.Call(n), losses, err)
	}
	if left, err := h.Spools.List(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("stopped before %s: spools %v are left, %v", plan.Call(n), left, err)
	}
	return stopped
}

// TestLateGroup has a group of a former owner become durable after the next owner has opened a spool of the same number: it does not count, since it
// would take the place of the event that was acknowledged.
func TestLateGroup(t *testing.T) {
	t.Parallel()
	h := backends["objects"](t)
	former, err := h.Spools.Create(t.Context(), spool.Header{Stream: "sales", Number: 1, Opened: h.Now})
	if err != nil {
		t.Fatal(err)
	}
	l, err := h.OpenLive(live.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h.Accept(l, "", sale("1", "sale", "1.00", "EUR"), "1 1 0 0")
	late := []byte(sale("1", "sale", "2.00", "EUR") + sale("late", "sale", "1.00", "EUR"))
	if err := errors.Join(former.Append("", late), former.Sync(t.Context())); err != nil {
		t.Fatal(err)
	}
	kill(l)
	if err := live.VerifySpools(t.Context(), h.Store, "sales", h.Spools); err != nil {
		t.Error(err)
	}
	h.StartLive(live.Options{OnLoss: func(l spool.Loss) { t.Errorf("reported a loss: %v", l) }})
	h.ExpectBatches("1: 1 1 0 0")
	if left, err := h.Spools.List(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("spools %v are left, %v", left, err)
	}
}

// TestUnconfirmedGroup fails the confirmation: nothing of the group is acknowledged, and the requests can be sent again.
func TestUnconfirmedGroup(t *testing.T) {
	t.Parallel()
	for name, make := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := make(t)
			var refused atomic.Bool
			l := h.StartLive(live.Options{
				OnLoss: func(l spool.Loss) { t.Errorf("reported a loss: %v", l) },
				Confirm: func(context.Context) error {
					if refused.Load() {
						return errOwner
					}
					return nil
				},
			})
			for id := range 4 {
				body := []byte(sale(fmt.Sprint(id), "sale", "1.00", "EUR"))
				refused.Store(id%2 == 0)
				_, err := l.Accept(t.Context(), live.Request{Body: body})
				if refused.Load() && !errors.Is(err, errOwner) {
					t.Errorf("not confirmed: %v", err)
				}
				if refused.Load() {
					if _, err := l.Accept(t.Context(), live.Request{Body: body}); !errors.Is(err, errOwner) {
						t.Errorf("after a group that is not confirmed: %v", err)
					}
					refused.Store(false)
					h.Seal(l) // recovers without waiting for the time to do so
					h.Accept(l, "", string(body), "1 1 0 0")
				}
			}
			h.Seal(l)
			h.expectStored("in the end", map[string]bool{"0": true, "1": true, "2": true, "3": true}, true)
		})
	}
}

// TestFormerOwnerReportsNoLoss has another process take the stream over while damage is found: it may be that what is missing was sealed.
func TestFormerOwnerReportsNoLoss(t *testing.T) {
	t.Parallel()
	h := leaveUnsealed(t, backends["objects"](t))
	names, err := h.Store.Objects.List(t.Context(), "spool/")
	if err != nil {
		t.Fatal(err)
	}
	deleteObjects(1)(t, h.Store.Objects, names)
	calls := 0
	err = live.Recover(t.Context(), h.Store, h.Stream, live.Options{Spool: h.Spools, Confirm: func(context.Context) error {
		if calls++; calls > 1 {
			return errOwner
		}
		return nil
	}})
	if losses, failed := h.Spools.Losses(t.Context()); !errors.Is(err, errOwner) || failed != nil || len(losses) > 0 {
		t.Errorf("recover: %v; losses %v, %v", err, losses, failed)
	}
}

// counted counts the objects that are made.
type counted struct {
	object.Local
	made atomic.Int64
}

func (c *counted) CreateNew(ctx context.Context, name string) (object.Writer, error) {
	c.made.Add(1)
	return c.Local.CreateNew(ctx, name)
}

// TestGroupsShareObjects sends requests at once: there is one object for each group, and fewer groups than requests.
func TestGroupsShareObjects(t *testing.T) {
	t.Parallel()
	h := backends["objects"](t)
	objects := &counted{Local: h.Store.Objects}
	l := h.StartLive(live.Options{Spool: spool.InObjects(objects).Of("sales")})
	h.Accept(l, "", sale("first", "sale", "1.00", "EUR"), "1 1 0 0")
	if n := objects.made.Load(); n != 1 {
		t.Errorf("a request made %d objects", n)
	}
	const requests = 200
	var senders sync.WaitGroup
	for n := range requests {
		senders.Go(func() { h.Accept(l, "", sale(fmt.Sprint(n), "sale", "1.00", "EUR"), "1 1 0 0") })
	}
	senders.Wait()
	if n := objects.made.Load() - 1; n >= requests/2 {
		t.Errorf("%d requests at once made %d objects", requests, n)
	}
}

// TestDamagedObjects damages the objects of a spool with four acknowledged requests, each an object of its own.
func TestDamagedObjects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(t *testing.T, store object.Store, names []string)
		want   string
	}{
		"first deleted":  {deleteObjects(0), "1 2 3"},
		"middle deleted": {deleteObjects(2), "0 1 3"},
		"all deleted":    {deleteObjects(0, 1, 2, 3), ""},
		"first flipped":  {flipObject(0), "1 2 3"},
		"last flipped":   {flipObject(3), "0 1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := leaveUnsealed(t, backends["objects"](t))
			names, err := h.Store.Objects.List(t.Context(), "spool/")
			if err != nil || len(names) != 4 {
				t.Fatalf("objects are %q, %v", names, err)
			}
			if err := live.VerifySpools(t.Context(), h.Store, "sales", h.Spools); err != nil {
				t.Errorf("before: %v", err)
			}
			c.damage(t, h.Store.Objects, names)
			if err := live.VerifySpools(t.Context(), h.Store, "sales", h.Spools); err == nil {
				t.Error("the damage is not found")
			}
			h.StartLive(live.Options{})
			if got := slices.Sorted(maps.Keys(h.stored())); strings.Join(got, " ") != c.want {
				t.Errorf("recovered are %v, want %s", got, c.want)
			}
			losses, err := h.Spools.Losses(t.Context())
			if err != nil || len(losses) != 1 || losses[0].Recovered != int64(len(strings.Fields(c.want))) || (losses[0].KeptAs == "") != (c.want == "") {
				t.Fatalf("losses are %+v, %v", losses, err)
			}
			if err := h.Spools.Dismiss(t.Context(), losses[0]); err != nil {
				t.Fatal(err)
			}
			if left, err := h.Store.Objects.List(t.Context(), "spool/"); err != nil || len(left) > 0 {
				t.Errorf("objects %q are left, %v", left, err)
			}
		})
	}
}

func deleteObjects(which ...int) func(*testing.T, object.Store, []string) {
	return func(t *testing.T, store object.Store, names []string) {
		t.Helper()
		for _, n := range which {
			if err := store.Delete(t.Context(), names[n]); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func flipObject(n int) func(*testing.T, object.Store, []string) {
	return func(t *testing.T, store object.Store, names []string) {
		t.Helper()
		text := objecttest.Read(t, store, names[n])
		text[len(text)/2] ^= 4
		objecttest.Write(t, store, names[n], text)
	}
}
