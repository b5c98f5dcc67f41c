// Tests of losses.

package spooltest

import (
	"context"
	"testing"

	"bursar/internal/event/live/spool"
)

// losses keeps a spool, and forgets it when its loss is dismissed.
func losses(t *testing.T, open Opener) {
	dir, ctx := t.TempDir(), context.Background()
	store := open(t, dir).Of("sales")
	id := Write(t, store, 12, []spool.Request{request(1)}, []spool.Request{request(2)})
	stays := Write(t, store, 13, []spool.Request{request(3)})
	loss := spool.Loss{Stream: "sales", Spool: id.Number, Opening: id.Opening, Found: opened, Reason: "it is a test", Recovered: 5}
	var reported spool.Loss
	for range 2 {
		var err error
		reported, err = store.Report(ctx, loss)
		must(t, err)
	}
	if reported.KeptAs == "" {
		t.Error("nothing was kept")
	}
	expectList(t, store, id, stays)
	must(t, store.Remove(ctx, id))
	expectList(t, store, stays)
	reported, err := store.Report(ctx, reported) // a recovery that is repeated, after the removal
	must(t, err)
	store = open(t, dir).Of("sales")
	got, err := store.Losses(ctx)
	if err != nil || len(got) != 1 || got[0] != reported || got[0].KeptAs == "" {
		t.Fatalf("losses are %+v, %v, want %+v", got, err, reported)
	}
	if others, err := open(t, dir).Of("returns").Losses(ctx); err != nil || len(others) != 0 {
		t.Errorf("the losses of another stream are %+v, %v", others, err)
	}
	for range 2 {
		must(t, store.Dismiss(ctx, got[0]))
	}
	if got, err := store.Losses(ctx); err != nil || len(got) != 0 {
		t.Errorf("after it was dismissed: %+v, %v", got, err)
	}
	expectList(t, store, stays)
	expect(t, store, stays, request(3))
}

func missingLoss(t *testing.T, open Opener) {
	store, ctx := open(t, t.TempDir()).Of("sales"), context.Background()
	loss, err := store.Report(ctx, spool.Loss{Stream: "sales", Spool: 4, Opening: "abc", Found: opened, Reason: "it is missing"})
	must(t, err)
	got, err := store.Losses(ctx)
	if err != nil || len(got) != 1 || got[0] != loss || loss.KeptAs != "" {
		t.Fatalf("losses are %+v, %v, want %+v", got, err, loss)
	}
	expectList(t, store)
	must(t, store.Dismiss(ctx, loss))
	if got, err := store.Losses(ctx); err != nil || len(got) != 0 {
		t.Errorf("after it was dismissed: %+v, %v", got, err)
	}
}
