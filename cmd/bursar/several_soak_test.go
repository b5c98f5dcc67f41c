//go:build linux && !race

// The long test of several processes: everything is killed, suspended and restarted in a random order, while clients of all kinds work.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/temporal/temporaltest"
)

// seedsEach is how many SEEDS there are for each case, which takes over a minute.
const seedsEach = 20

// TestSoakSeveralProcesses tests one case for each 20 SEEDS, and one at least. SEED=n replays one; FAULTS=n is the number of faults of each. With
// OTHER=path, half of the processes are of another build of the program, such as the last release.
func TestSoakSeveralProcesses(t *testing.T) {
	seeds, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 64)
	first, cases := uint64(1), max(1, seeds/seedsEach)
	if seed, wrong := strconv.ParseUint(os.Getenv("SEED"), 10, 64); wrong == nil {
		first, cases, err = seed, 1, nil
	}
	if err != nil {
		t.Skip("SEEDS is not set: it says how many cases are tried")
	}
	faults := 20
	if n, err := strconv.Atoi(os.Getenv("FAULTS")); err == nil {
		faults = n
	}
	for seed := first; seed < first+cases; seed++ {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { soakSeveral(t, seed, faults) })
	}
}

// soak is one case.
type soak struct {
	t        *testing.T
	seed     uint64
	postgres *postgrestest.Server
	temporal *temporaltest.Server
	store    *s3test.Proxy
	ups      []*serving
	workers  []*serving
	commands string // folder in which commands are given
	ledger   *sentLedger

	mu         sync.Mutex
	imported   []string // statement files
	inbox      [][2]string
	files      [][]string // ids by inbox file
	commandsOK atomic.Int64
	commandsNo atomic.Int64
}

func soakSeveral(t *testing.T, seed uint64, faults int) {
	t.Helper()
	t.Logf("SEED=%d FAULTS=%d", seed, faults)
	s := newSoak(t, seed)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range s.ups {
		clients.Go(func() { s.post(ctx, i) })
	}
	for _, client := range []func(context.Context){s.ingest, s.importStatements, s.look, s.rebuild, s.fillInbox} {
		clients.Go(func() { client(ctx) })
	}
	s.disturb(faults)
	cancel()
	clients.Wait()
	s.finish()
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	store := s3test.Versitygw(t)
	s := &soak{t: t, seed: seed, ledger: newLedger(), postgres: postgrestest.Start(t, postgrestest.Options{})}
	s.store = store.NewProxy(t, seed)
	s.temporal = temporaltest.Start(t, temporaltest.Options{Postgres: s.postgres})
	dir := severalProject(t, s.postgres.Database(t), s.store.Endpoint, store, s.temporal)
	logs := t.ArtifactDir()
	s.commands = elsewhere(t, dir)
	must(t, 0, "run", "--project", dir) // so that there is something to export
	for i := range 2 {
		s.ups = append(s.ups, newServing(t, fmt.Sprint("up", i), elsewhere(t, dir), logs, "up"))
		s.workers = append(s.workers, newServing(t, fmt.Sprint("worker", i), elsewhere(t, dir), logs, "worker", "--roles", "reconcile,index"))
	}
	s.ups[1].program, s.workers[1].program = os.Getenv("OTHER"), os.Getenv("OTHER")
	mustStart(t, s.all()...)
	return s
}

func (s *soak) all() []*serving { return slices.Concat(s.ups, s.workers) }

// random returns the random numbers of one participant.
func (s *soak) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(s.seed, stream)) }

// pause waits up to a time, or until ctx ends.
func pause(ctx context.Context, r *rand.Rand, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.Float64()*float64(most)))
	defer cancel()
	<-ctx.Done()
}

// disturb does so many faults, each in a random time after the one before, and ends when everything works again.
func (s *soak) disturb(faults int) {
	r, began := s.random(1), time.Now()
	var mending sync.WaitGroup
	mend := func(after time.Duration, do func()) {
		mending.Go(func() {
			<-time.After(after)
			do()
		})
	}
	busy := map[*serving]*atomic.Bool{}
	for _, m := range s.all() {
		busy[m] = &atomic.Bool{}
	}
	var server atomic.Bool
	for i := range faults {
		m, after := s.all()[r.IntN(len(s.all()))], time.Duration(r.Float64()*12*float64(time.Second))
		kind := r.IntN(10)
		note := func(what string) {
			s.t.Logf("%3.0fs %d: %s for %.1fs", time.Since(began).Seconds(), i, what, after.Seconds())
		}
		switch {
		case kind < 4 && busy[m].CompareAndSwap(false, true):
			note("kill " + m.name)
			m.killed()
			mend(after/3, func() { s.startAgain(m); busy[m].Store(false) })
		case kind < 7 && busy[m].CompareAndSwap(false, true):
			note("suspend " + m.name)
			m.signal(syscall.SIGSTOP)
			mend(after, func() { m.signal(syscall.SIGCONT); busy[m].Store(false) })
		case kind == 7 && server.CompareAndSwap(false, true):
			note("kill Temporal")
			s.temporal.Kill(s.t)
			mend(after/2, func() { s.temporal.Restart(s.t); server.Store(false) })
		case kind == 8 && server.CompareAndSwap(false, true):
			how := []postgrestest.End{postgrestest.Fast, postgrestest.Killed}[r.IntN(2)]
			note("restart PostgreSQL: " + string(how))
			s.postgres.Restart(s.t, how)
			server.Store(false)
		case kind == 9:
			note("S3 fails")
			s.store.Set(s3test.Faults{Share: 0.05, Delay: 50 * time.Millisecond})
			mend(after, func() { s.store.Set(s3test.Faults{}) })
		}
		pause(s.t.Context(), r, 6*time.Second)
	}
	mending.Wait()
}

// startAgain starts a process that was killed, until it works: the servers that it needs may be away.
func (s *soak) startAgain(m *serving) {
	for tries := 1; ; tries++ {
		err := m.start()
		if err == nil {
			return
		}
		if !isTransient(err.Error()) || tries == 10 {
			s.t.Errorf("attempt %d: %v", tries, err)
			return
		}
	}
}

// isTransient reports whether an error may pass.
func isTransient(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasSuffix(text, "[transient]") || strings.HasSuffix(text, "[throttled]")
}

// command executes a command, and reports whether it succeeded. One that fails says that it may succeed later.
func (s *soak) command(ctx context.Context, args ...string) bool {
	got := bursarIn(ctx, append(args, "--project", s.commands)...)
	switch {
	case got.code == 0:
		s.commandsOK.Add(1)
	case ctx.Err() != nil:
		return false
	case got.code == 1 && isTransient(got.err):
		s.commandsNo.Add(1)
		s.t.Logf("%s: %s", args[0], strings.TrimSpace(got.err))
	default:
		s.t.Errorf("%s ends with %d: %s%s", args, got.code, got.out, got.err)
	}
	return got.code == 0
}

// post sends events to a process. A request with a key is repeated until it is acknowledged.
func (s *soak) post(ctx context.Context, number int) {
	r, m := s.random(uint64(10+number)), s.ups[number]
	for i := 0; ctx.Err() == nil; i++ {
		body, ids := s.ledger.events(fmt.Sprint("post", number), 1+r.IntN(5))
		key := ""
		if r.IntN(2) == 0 {
			key = fmt.Sprint("key-", number, "-", i)
		}
		for !s.ledger.sendBody(ctx, s.t, m, body, ids, key) && key != "" && ctx.Err() == nil {
			pause(ctx, r, time.Second)
		}
		pause(ctx, r, 300*time.Millisecond)
	}
}

// ingest ingests files, each until it succeeds, and kills some of the processes.
func (s *soak) ingest(ctx context.Context) {
	r, dir := s.random(20), s.t.TempDir()
	for i := 0; ctx.Err() == nil; i++ {
		text, ids := s.ledger.events("file", 1+r.IntN(2000))
		path := file(s.t, dir, fmt.Sprint("file", i, ".jsonl"), text)
		if r.IntN(4) == 0 {
			cmd := program(s.t, 0, "ingest", "payments", path, "--project", s.commands)
			if err := cmd.Start(); err != nil {
				s.t.Error(err)
			}
			pause(ctx, r, 3*time.Second)
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
		for !s.command(ctx, "ingest", "payments", path) && ctx.Err() == nil {
			pause(ctx, r, time.Second)
		}
		if ctx.Err() == nil {
			s.ledger.acknowledge(ids)
		}
		pause(ctx, r, 3*time.Second)
	}
}

// importStatements imports the statements of an account, each until it succeeds.
func (s *soak) importStatements(ctx context.Context) {
	r, dir := s.random(21), s.t.TempDir()
	for day := 1; ctx.Err() == nil && day <= 31; day++ {
		path := file(s.t, dir, fmt.Sprintf("day%02d.sta", day), fmt.Sprintf(":20:S%d\n:25:DE89370400440532013000\n:28C:%d/1\n:60F:C2501%02dEUR%d,00\n"+
			":61:2501%02d01%02dC10,00NTRFA%d//REFA%d\n:86:Invoice %d\n:62F:C2501%02dEUR%d,00\n-\n", day, day, max(1, day-1), (day-1)*10, day, day, day, day, day, day, day*10))
		for !s.command(ctx, "import", path) && ctx.Err() == nil {
			pause(ctx, r, time.Second)
		}
		s.mu.Lock()
		s.imported = append(s.imported, path)
		s.mu.Unlock()
		pause(ctx, r, 3*time.Second)
	}
}

// look executes commands that only read, but for run.
func (s *soak) look(ctx context.Context) {
	r, path := s.random(22), filepath.Join(s.t.TempDir(), "orders.jsonl")
	for ctx.Err() == nil {
		s.command(ctx, [][]string{
			{"status"}, {"get", "orders", `["o-1001","USD"]`}, {"export", "orders", "--to", path}, {"verify", "orders"}, {"verify"}, {"worker", "list"}, {"run"},
		}[r.IntN(7)]...)
		pause(ctx, r, time.Second)
	}
}

func (s *soak) rebuild(ctx context.Context) {
	for r := s.random(23); ctx.Err() == nil; {
		pause(ctx, r, 20*time.Second)
		s.command(ctx, "rebuild", "orders")
	}
}

// fillInbox leaves files in the inboxes.
func (s *soak) fillInbox(ctx context.Context) {
	for r, i := s.random(24), 0; ctx.Err() == nil; i++ {
		m, name := s.ups[r.IntN(len(s.ups))], fmt.Sprint("new", i, ".jsonl")
		text, ids := s.ledger.events("inbox", 1+r.IntN(100))
		file(s.t, m.dir, "inbox/payments/"+name, text)
		s.mu.Lock()
		s.inbox, s.files = append(s.inbox, [2]string{m.dir, name}), append(s.files, ids)
		s.mu.Unlock()
		pause(ctx, r, 5*time.Second)
	}
}

// finish waits until nothing is left to do, stops all processes, and checks what they made.
func (s *soak) finish() {
	s.t.Helper()
	for _, m := range s.ups {
		until(s.t, m.name+" acknowledges at the end", time.Minute, func() bool { return s.ledger.send(s.t.Context(), s.t, m, 1, "") })
	}
	for i, f := range s.inbox {
		until(s.t, "inbox file "+f[1]+" is taken", time.Minute, func() bool {
			_, err := os.Stat(filepath.Join(f[0], "inbox", "payments", "taken", f[1]))
			return err == nil
		})
		s.ledger.acknowledge(s.files[i])
	}
	for _, path := range s.imported { // the last one may be missing
		must(s.t, 0, "import", path, "--project", s.commands)
	}
	stopAll(s.t, s.all()...)
	must(s.t, 0, "run", "--project", s.commands)
	must(s.t, 0, "verify", "--project", s.commands)
	s.ledger.check(s.t, s.commands, s.imported...)
	s.checkLogs()
	passed, failed := s.store.Counts()
	s.t.Logf("%d commands succeeded, %d failed; %d requests to S3, %d failed", s.commandsOK.Load(), s.commandsNo.Load(), passed+failed, failed)
}

// unexpected is what no log may contain.
var unexpected = regexp.MustCompile(`(?m)^.*(panic:|fatal error:|\[bug\]|DATA RACE).*$`)

func (s *soak) checkLogs() {
	s.t.Helper()
	for _, m := range s.all() {
		logs, err := filepath.Glob(filepath.Join(m.logs, m.name+"-*.log"))
		if err != nil {
			s.t.Fatal(err)
		}
		for _, path := range logs {
			text, err := os.ReadFile(path)
			if err != nil {
				s.t.Fatal(err)
			}
			if found := unexpected.Find(text); found != nil {
				s.t.Errorf("%s: %s", path, found)
			}
		}
	}
}
