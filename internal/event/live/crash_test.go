// Live intake that fails or dies at every point: what was acknowledged is there, and nothing twice.

package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"bursar/internal/column"
	"bursar/internal/duck"
	"bursar/internal/event"
	"bursar/internal/event/live"
	"bursar/internal/event/live/answers"
	"bursar/internal/event/live/spool"
	"bursar/internal/fault"
	"bursar/internal/object"
)

// stored are the ids of the events in batches, which must be there once each.
func (h *harness) stored() map[string]bool {
	h.T.Helper()
	folder, ok := h.Store.Objects.(*object.Folder)
	if !ok {
		h.T.Fatal("the harness's objects are not in a folder")
	}
	session, err := duck.Open(duck.Options{Threads: 1, Dirs: []string{filepath.Join(h.Dir, "objects")}})
	if err != nil {
		h.T.Fatal(err)
	}
	defer session.Close()
	ids := map[string]bool{}
	sql := "SELECT id FROM (" + event.ViewSQL(folder.Files(), h.Stream, h.Batches()) + ")"
	err = session.Query(h.T.Context(), sql, func(rows []column.Vector) error {
		for r := range rows[0].Len() {
			id := string(rows[0].Text(r))
			if ids[id] {
				h.T.Errorf("event %s is there twice", id)
			}
			ids[id] = true
		}
		return nil
	})
	if err != nil {
		h.T.Fatal(err)
	}
	return ids
}

func (h *harness) expectStored(when string, want map[string]bool, exactly bool) {
	h.T.Helper()
	got := h.stored()
	for id := range want {
		if !got[id] {
			h.T.Errorf("%s: event %s was acknowledged and is missing", when, id)
		}
	}
	if exactly && len(got) != len(want) {
		h.T.Errorf("%s: %d events, want %d: %v", when, len(got), len(want), slices.Sorted(maps.Keys(got)))
	}
}

// sender sends requests until they are acknowledged, and remembers which events were.
type sender struct {
	h     *harness
	acked map[string]bool
}

var errDead = errors.New("the process is dead")

// send sends one request of sales. An error is tried again; a crash is for the caller.
func (s *sender) send(l *live.Intake, plan *fault.Plan, key string, ids ...string) error {
	s.h.T.Helper()
	var body strings.Builder
	for _, id := range ids {
		body.WriteString(sale(id, "sale", "1.00", "EUR"))
	}
	body.WriteString("{bad\n")
	for range 3 {
		a, err := l.Accept(context.Background(), live.Request{Key: key, Body: []byte(body.String())})
		if err == nil {
			if a.Rows != int64(len(ids))+1 || a.Quarantined != 1 || a.Accepted+a.Duplicates != int64(len(ids)) {
				s.h.T.Errorf("after %s: answer %+v to %v", plan.Call(plan.Calls()), a, ids)
			}
			for _, id := range ids {
				s.acked[id] = true
			}
			return nil
		}
		if errors.Is(err, fault.ErrCrashed) {
			return errDead
		}
		if !errors.Is(err, fault.ErrInjected) && !errors.Is(err, errDisk) {
			s.h.T.Errorf("accept: %v", err)
		}
		_ = l.Seal(context.Background()) // recovers without waiting for the time to do so
	}
	s.h.T.Errorf("%v were not accepted in three attempts", ids)
	return nil
}

// script is a day of a stream: requests, a seal, a file among them. It ends early when the process dies.
func (s *sender) script(o live.Options, in *event.Store, plan *fault.Plan) error {
	l, err := live.Open(context.Background(), in, s.h.Stream, o)
	if err != nil {
		return errDead
	}
	defer func() { _ = l.Close(context.Background()) }()
	if err := s.send(l, plan, "k1", "1", "2"); err != nil {
		return err
	}
	if err := s.send(l, plan, "", "2", "3"); err != nil {
		return err
	}
	_ = l.Seal(context.Background()) // what fails is done by the next request
	if err := s.send(l, plan, "k2", "4"); err != nil {
		return err
	}
	path := s.h.File("a.jsonl", sale("4", "sale", "1.00", "EUR")+sale("5", "sale", "1.00", "EUR"))
	for range 3 {
		if _, err = ingestFile(context.Background(), l, in, s.h.Stream, path); err == nil {
			s.acked["5"] = true
			break
		}
	}
	return errors.Join(s.send(l, plan, "", "5", "6"), s.send(l, plan, "k1", "1", "2"))
}

// everything sends what the script sends, as clients do that have no answer yet.
func (s *sender) everything(l *live.Intake) {
	for i, ids := range [][]string{{"1", "2"}, {"2", "3"}, {"4"}, {"4", "5"}, {"5", "6"}} {
		if err := s.send(l, fault.NewPlan(), []string{"k1", "", "k2", "", ""}[i], ids...); err != nil {
			s.h.T.Error(err)
		}
	}
}

func TestLiveFaults(t *testing.T) {
	t.Parallel()
	for name, make := range backends {
		for _, mode := range []fault.Mode{fault.Before, fault.After, fault.Before | fault.Crash, fault.After | fault.Crash} {
			t.Run(fmt.Sprint(name, " mode ", mode), func(t *testing.T) {
				t.Parallel()
				const step = 10
				n := 1 + int(mode)%2 + 2*rand.IntN(step/2) // before odd calls, after even ones
				t.Logf("from call %d on", n)
				for failLive(t, make(t), n, mode) {
					n += step
				}
				if n < 40 {
					t.Errorf("the script made %d calls only", n)
				}
			})
		}
	}
}

// backends make stores whose spools are files, and those of a shared project.
var backends = map[string]func(testing.TB) *harness{
	"files":   func(t testing.TB) *harness { t.Helper(); return newHarness(t, plainYAML) },
	"objects": func(t testing.TB) *harness { t.Helper(); return &harness{newHarness(t, plainYAML).Share()} },
}

// failLive reports whether there was an n-th call to fail.
func failLive(t *testing.T, h *harness, n int, mode fault.Mode) bool {
	t.Helper()
	plan := fault.NewPlan()
	plan.FailAt(n, mode)
	faulty := *h.Store
	faulty.Objects, faulty.Catalog = fault.Objects(h.Store.Objects, plan), fault.Catalog(h.Store.Catalog, plan)
	spools := h.Spools
	if faulty.Shared {
		spools = spool.InObjects(faulty.Objects).Of("sales")
	}
	s := &sender{h: h, acked: map[string]bool{}}
	_ = s.script(live.Options{Spool: spools, Window: 1 << 40}, &faulty, plan)
	l, err := h.OpenLive(live.Options{OnLoss: func(l spool.Loss) { t.Errorf("after %s: %v", plan.Call(n), l) }})
	if err != nil {
		t.Fatalf("after %s: %v", plan.Call(n), err)
	}
	h.expectStored("after "+plan.Call(n), s.acked, false)
	s.everything(l)
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.expectStored("after "+plan.Call(n)+", in the end", s.acked, true)
	if left, err := h.Spools.List(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("after %s: spools %v are left, %v", plan.Call(n), left, err)
	}
	return plan.Fired()
}

var errDisk = errors.New("broken disk")

// disk fails the n-th write or sync of all spools.
type disk struct {
	mu    sync.Mutex
	calls int
	at    int
	half  bool // a failing write has half of its effect
}

func (d *disk) call() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls++; d.calls == d.at {
		return errDisk
	}
	return nil
}

type diskFile struct {
	spool.File
	disk *disk
}

func (f diskFile) Write(b []byte) (int, error) {
	err := f.disk.call()
	if err != nil && f.disk.half {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	if err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f diskFile) Sync() error { return errors.Join(f.disk.call(), f.File.Sync()) }

// onDisk are the spools of the stream on a failing disk.
func (h *harness) onDisk(d *disk) spool.Store {
	return spool.NewFolder(filepath.Dir(h.SpoolFile())).Wrap(func(f spool.File) spool.File { return diskFile{f, d} })
}

func TestLiveSpoolFaults(t *testing.T) {
	t.Parallel()
	for n := 1; n < 15; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			d := &disk{at: n, half: n%2 == 0}
			o := live.Options{Spool: h.onDisk(d), Window: 1 << 40}
			s := &sender{h: h, acked: map[string]bool{}}
			if err := s.script(o, h.Store, fault.NewPlan()); err != nil {
				t.Fatal(err)
			}
			h.expectStored("in the end", s.acked, true)
		})
	}
}

// A process that dies leaves a spool that ends anywhere behind what it acknowledged.
func TestLiveTornSpool(t *testing.T) {
	t.Parallel()
	for torn := range 12 {
		t.Run(fmt.Sprint(torn), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, plainYAML)
			s := &sender{h: h, acked: map[string]bool{}}
			l, err := h.OpenLive(live.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.send(l, fault.NewPlan(), "", "1", "2"); err != nil {
				t.Fatal(err)
			}
			size := h.spoolSize()
			if _, err := l.Accept(t.Context(), live.Request{Body: []byte(sale("3", "sale", "1.00", "EUR"))}); err != nil {
				t.Fatal(err)
			}
			dead, cancel := context.WithCancel(t.Context())
			cancel()
			_ = l.Close(dead)
			cut := size + int64(torn)
			if torn == 11 {
				cut = h.spoolSize() - 1
			}
			text, err := os.ReadFile(h.SpoolFile())
			if err != nil {
				t.Fatal(err)
			}
			clear(text[cut:])
			h.File("spool/sales/00000001.spool", string(text))
			h.StartLive(live.Options{OnLoss: func(l spool.Loss) { t.Errorf("reported a loss: %v", l) }})
			h.expectStored("after the cut", s.acked, true)
		})
	}
}

// A row on which a declared expression fails goes to quarantine; the requests beside it have their right answers.
func TestLivePoisonousRequest(t *testing.T) {
	t.Parallel()
	h := newHarness(t, strings.Replace(salesYAML, "kind = 'refund'", "CAST(note AS INTEGER) > 0", 1))
	l := h.StartLive(live.Options{})
	row := func(id, note string) string {
		return strings.Replace(sale(id, "sale", "1.00", "EUR"), "{", fmt.Sprintf(`{"note":%q,`, note), 1)
	}
	var senders sync.WaitGroup
	for i := range 8 {
		senders.Go(func() {
			body, want := row(fmt.Sprint(i), "1"), "1 1 0 0"
			if i%2 == 1 {
				body, want = row(fmt.Sprint(i), "none"), "1 0 0 1"
			}
			h.Accept(l, fmt.Sprint("k", i), body, want)
		})
	}
	senders.Wait()
	h.Seal(l)
	h.Accept(l, "k1", row("1", "none"), "1 0 0 1 again")
	h.Accept(l, "", row("1", "2"), "1 1 0 0")
	h.Seal(l)
	h.expectStored("in the end", map[string]bool{"0": true, "1": true, "2": true, "4": true, "6": true}, true)
}

// kept is a store whose spools are not removed, as if the process died before.
type kept struct{ spool.Store }

func (kept) Remove(context.Context, spool.ID) error { return nil }

// A process that dies between the seal and the end of the spool must not seal it twice: not its quarantine either.
func TestLiveSealedSpoolIsRemoved(t *testing.T) {
	t.Parallel()
	for name, make := range backends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := make(t)
			l := h.StartLive(live.Options{Spool: kept{h.Spools}})
			h.Accept(l, "", sale("1", "sale", "1.00", "EUR")+sale("2", "gift", "1.00", "EUR"), "2 1 0 1")
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left, err := h.Spools.List(t.Context()); err != nil || len(left) != 1 {
				t.Fatalf("spools %v are left, %v", left, err)
			}
			l = h.StartLive(live.Options{})
			h.Accept(l, "", sale("3", "sale", "1.00", "EUR"), "1 1 0 0")
			h.Seal(l)
			h.ExpectBatches("1: 2 1 0 1", "2: 1 1 0 0")
			if reasons := h.Reasons(); len(reasons) != 1 {
				t.Errorf("quarantine is %q", reasons)
			}
			if left, err := h.Spools.List(t.Context()); err != nil || len(left) > 0 {
				t.Errorf("spools %v are left, %v", left, err)
			}
		})
	}
}

// spoolSize is where the zeros begin that fill the spool up.
func (h *harness) spoolSize() int64 {
	h.T.Helper()
	text, err := os.ReadFile(h.SpoolFile())
	if err != nil {
		h.T.Fatal(err)
	}
	return int64(len(bytes.TrimRight(text, "\x00")))
}

// Random senders at once, among files, seals and deaths, compared with their answers.
func TestLiveAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			h := backends[[]string{"files", "objects"}[seed%2]](t)
			random := rand.New(rand.NewPCG(seed, 1))
			acked := map[string]bool{}
			for life := range 4 {
				o := live.Options{MaxEvents: int64(1 + random.IntN(60))}
				l, err := h.OpenLive(o)
				if err != nil {
					t.Fatal(err)
				}
				h.expectStored(fmt.Sprint("life ", life), acked, false)
				h.runLiveOnce(l, random, acked)
				dead, cancel := context.WithCancel(t.Context())
				if random.IntN(3) > 0 {
					cancel()
				}
				_ = l.Close(dead)
				cancel()
			}
			l, err := h.OpenLive(live.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.expectStored("in the end", acked, true)
		})
	}
}

func (h *harness) runLiveOnce(l *live.Intake, random *rand.Rand, acked map[string]bool) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for sender := range 4 {
		random := rand.New(rand.NewPCG(random.Uint64(), uint64(sender)))
		wg.Go(func() {
			for range 10 {
				var body strings.Builder
				var ids []string
				for range 1 + random.IntN(8) {
					ids = append(ids, fmt.Sprint(random.IntN(200)))
					body.WriteString(sale(ids[len(ids)-1], "sale", "1.00", "EUR"))
				}
				key := ""
				if random.IntN(2) == 0 {
					key = body.String()[:min(body.Len(), spool.MaxKey)] + fmt.Sprint(len(ids))
					key = key[max(0, len(key)-spool.MaxKey):]
				}
				a, err := l.Accept(context.Background(), live.Request{Key: key, Body: []byte(body.String())})
				if errors.Is(err, answers.ErrKeyReused) {
					continue
				}
				if err != nil || a.Accepted+a.Duplicates != int64(len(ids)) {
					h.T.Errorf("%v: %+v, %v", ids, a, err)
				}
				mu.Lock()
				for _, id := range ids {
					acked[id] = true
				}
				mu.Unlock()
			}
		})
	}
	for range 3 {
		if err := l.Seal(context.Background()); err != nil {
			h.T.Error(err)
		}
	}
	id := fmt.Sprint(random.IntN(200))
	path := h.File("f.jsonl", sale(id, "sale", "1.00", "EUR"))
	if _, err := ingestFile(context.Background(), l, h.Store, h.Stream, path); err != nil {
		h.T.Error(err)
	}
	wg.Wait()
	acked[id] = true
}

// While a file is ingested, requests wait, and are then refused for now; excess requests are refused at once.
func TestLiveBackPressure(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plainYAML)
	blocked := &gate{entered: make(chan struct{}), open: make(chan struct{})}
	in := *h.Store
	in.Objects = &gatedStore{Local: h.Store.Objects, gate: blocked}
	l, err := live.Open(t.Context(), &in, h.Stream, live.Options{Spool: h.Spools, Window: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	path := h.File("a.jsonl", sale("1", "sale", "1.00", "EUR"))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := ingestFile(context.Background(), l, &in, h.Stream, path); err != nil {
			t.Error(err)
		}
	})
	<-blocked.entered
	refused := make(chan error, 100)
	large := append([]byte(sale("2", "sale", "1.00", "EUR")), make([]byte, 40<<20)...)
	for range 4 {
		wg.Go(func() {
			_, err := l.Accept(context.Background(), live.Request{Body: large})
			refused <- err
		})
	}
	for range 4 {
		if err := <-refused; !errors.Is(err, live.ErrBusy) {
			t.Errorf("while a file is ingested: %v", err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Accept(cancelled, live.Request{Body: []byte(sale("3", "sale", "1.00", "EUR"))}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v", err)
	}
	close(blocked.open)
	wg.Wait()
	h.Accept(l, "", sale("1", "sale", "1.00", "EUR")+sale("2", "sale", "1.00", "EUR")+sale("3", "sale", "1.00", "EUR"), "3 2 1 0")
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// gate blocks the first caller.
type gate struct {
	once          sync.Once
	entered, open chan struct{}
}

type gatedStore struct {
	object.Local
	gate *gate
}

func (g *gatedStore) Create(ctx context.Context, name string) (object.Writer, error) {
	g.gate.once.Do(func() {
		close(g.gate.entered)
		<-g.gate.open
	})
	return g.Local.Create(ctx, name)
}
