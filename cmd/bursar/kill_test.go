//go:build linux

// Real processes that are killed: at random moments of seeded cases, and after each recorded step of a run.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bursar/internal/app"
	"bursar/internal/reconcile/runs"
	"bursar/internal/tools/auditor"
)

// dieAfter in the environment makes the test binary carry out `run` in the folder it is given, and kill itself as soon as
// the named step is recorded.
const dieAfter = "BURSAR_TEST_DIE_AFTER"

func init() {
	if step := os.Getenv(dieAfter); step != "" {
		fmt.Fprintln(os.Stderr, "not killed:", runUntil(step, os.Args[1]))
		os.Exit(1)
	}
}

func runUntil(step, dir string) error {
	ctx := context.Background()
	a, err := app.Open(ctx, dir, "run", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	_, err = a.Run(ctx, pipelineNames(a.Project), func(p app.Progress) {
		if next := 1 + slices.Index(runs.StepNames, runs.StepName(step)); p.Done && string(p.Step) == step ||
			!p.Done && next < len(runs.StepNames) && p.Step == runs.StepNames[next] {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing comes after it
		}
	})
	return err
}

// killed is a case played by processes of which some are killed.
type killed struct {
	t      *testing.T
	dir    string
	config string // bursar.yaml
	random *rand.Rand
	model  *auditor.Model
	took   map[auditor.Action]time.Duration // by the last process that was left alone
	kills  int                              // still to come
	hits   *atomic.Int64                    // processes that died
}

// TestKilledAtRandom plays seeded cases, killing up to three processes of each at random moments and repeating what they
// did; at the end the export is the model's and verify finds nothing. SEED=n replays one.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	first, cases := uint64(1), uint64(4)
	if testing.Short() {
		cases = 2
	}
	if seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		first, cases = seed, 1
	}
	playKilledCases(t, first, cases)
}

// TestSoakKilledAtRandom tests SEEDS further cases.
func TestSoakKilledAtRandom(t *testing.T) {
	cases, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 64)
	if err != nil {
		t.Skip("SEEDS is not set: it says how many cases are tried")
	}
	t.Parallel()
	playKilledCases(t, 1001, cases)
}

func playKilledCases(t *testing.T, first, cases uint64) {
	t.Helper()
	var hits atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for seed := first; seed < first+cases; seed++ {
			t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
				t.Parallel()
				playKilled(t, seed, &hits, nil)
			})
		}
	})
	t.Logf("%d cases, %d processes killed", cases, hits.Load())
	if hits.Load() == 0 && cases > 1 {
		t.Error("every process ended before it was killed")
	}
}

// playKilled plays a case on the stores that share says, or on files.
func playKilled(t *testing.T, seed uint64, hits *atomic.Int64, share func(dir string)) {
	t.Helper()
	c := auditor.New(seed, auditor.Size{Files: 3, Rows: 60, Retract: seed%2 == 0, Accept: seed%4 == 0, Versions: seed%4 == 2})
	k := &killed{
		t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 3)), model: auditor.NewModel(c.Streams, c.Pipeline),
		took: map[auditor.Action]time.Duration{}, kills: 3, hits: hits,
	}
	k.declare(c.Streams, c.Pipeline)
	if share != nil {
		share(k.dir)
		config, err := os.ReadFile(filepath.Join(k.dir, "bursar.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		k.config = string(config)
	}
	for _, step := range c.Steps {
		k.do(c, step)
	}
	k.prove()
}

// declare writes the declarations of a case, and the settings.
func (k *killed) declare(streams []*auditor.Stream, p *auditor.Pipeline) {
	k.t.Helper()
	if err := auditor.Write(k.dir, streams, p); err != nil {
		k.t.Fatal(err)
	}
	file(k.t, k.dir, "bursar.yaml", k.config)
}

// do carries a step out by a process, and on the model.
func (k *killed) do(c *auditor.Case, step auditor.Step) {
	k.t.Helper()
	switch step.Action {
	case auditor.Ingest:
		got, disturbed := k.process(step.Action, append([]string{"ingest", step.StreamName}, k.files(step.Files)...)...)
		k.compare(got, k.model.Ingest(step.StreamName, step.Files), disturbed)
	case auditor.Run:
		k.process(step.Action, "run")
		k.model.Publish(len(k.model.Sealed))
	case auditor.Grow:
		k.model.Grow(step.Stream)
		k.declare([]*auditor.Stream{step.Stream}, c.Pipeline)
	case auditor.Retry:
		k.process(step.Action, "quarantine", step.StreamName, "--retry")
		k.model.Retry(step.StreamName)
	case auditor.Rebuild:
		k.process(step.Action, "rebuild", c.Pipeline.Name)
		k.model.Publish(len(k.model.Sealed))
	case auditor.Retract:
		if what, ok := k.model.ToRetract(step.StreamName, step.Nth, step.Event); ok {
			k.model.Retract(what)
			k.retract(what, "--reason", "audit")
		}
	case auditor.Undo:
		if what, ok := k.model.ToUndo(step.StreamName, step.Nth); ok && !k.model.Undo(what) {
			k.retract(what, "--undo")
		}
	case auditor.Accept:
		k.accept(step)
	}
}

// retract retracts or takes that back; what had folded it holds all that is sealed then.
func (k *killed) retract(what auditor.Retraction, args ...string) {
	k.t.Helper()
	args = append([]string{"retract", what.Stream, strconv.Itoa(what.Batch)}, args...)
	if what.Event != "" {
		args = append(args, "--event", what.Event)
	}
	if got, _ := k.process(auditor.Retract, args...); got.code != 0 {
		k.t.Fatalf("%q: %s", args, got.err)
	}
	if k.model.Folded(what) {
		k.model.Publish(len(k.model.Sealed))
	}
}

// accept accepts a conflict, if there is one.
func (k *killed) accept(step auditor.Step) {
	k.t.Helper()
	row, ok := k.model.ToAccept(step.StreamName, step.Nth)
	if !ok {
		return
	}
	want := k.model.Accept(row)
	got, _ := k.process(auditor.Accept, "quarantine", row.Stream, "--accept", row.Ref(), "--reason", "audit")
	if want.Refused != (got.code == 1) || got.code > 1 {
		k.t.Fatalf("accept of %+v gives %d; want it to be refused: %v\n%s", row, got.code, want.Refused, got.err)
	}
	if want.Out != nil && k.model.Folded(*want.Out) {
		k.model.Publish(len(k.model.Sealed))
	}
}

func (k *killed) files(files []auditor.File) (paths []string) {
	k.t.Helper()
	for _, f := range files {
		path := filepath.Join(k.dir, f.Name)
		if err := os.WriteFile(path, f.Bytes(), 0o600); err != nil {
			k.t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// process runs a command until it has ended by itself; some are killed at a moment of the time they take.
func (k *killed) process(action auditor.Action, args ...string) (got outcome, disturbed bool) {
	k.t.Helper()
	for {
		after := time.Duration(0)
		if k.kills > 0 && k.random.IntN(2) == 0 {
			k.kills--
			after = time.Duration(1 + k.random.Int64N(int64(max(k.took[action], 400*time.Millisecond))))
		}
		began := time.Now()
		got, dead := k.child(after, append(args, "--project", k.dir, "--json")...)
		if !dead {
			k.took[action] = time.Since(began)
			return got, disturbed
		}
		disturbed = true
		k.hits.Add(1)
	}
}

// child runs a command in a separate process and kills it after some time, unless that is 0.
func (k *killed) child(after time.Duration, args ...string) (got outcome, dead bool) {
	k.t.Helper()
	cmd := exec.CommandContext(k.t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	if after > 0 {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) // it may have ended
		defer timer.Stop()
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		k.t.Fatal(err)
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return outcome{cmd.ProcessState.ExitCode(), out.String(), err.String()}, status.Signaled()
}

// compare holds an ingest's answer against the model's. After a process that was killed between its seal and its answer,
// all rows are duplicates.
func (k *killed) compare(got outcome, want auditor.Counts, disturbed bool) {
	k.t.Helper()
	v := value(k.t, got)
	counts := []any{v["rows"], v["accepted"], v["quarantined"], v["duplicates"]}
	again := []any{float64(want.Rows), 0.0, 0.0, float64(want.Rows)}
	if disturbed && slices.Equal(counts, again) {
		return
	}
	if !slices.Equal(counts, []any{float64(want.Rows), float64(want.Accepted), float64(want.Quarantined), float64(want.Duplicates)}) {
		k.t.Fatalf("ingest says %v, want %+v\n%s", counts, want, got.err)
	}
	if none := want.Accepted == 0 && want.Quarantined > 0; (got.code == 1) != none || got.code > 1 {
		k.t.Fatalf("exit code %d of an ingest that comes to %+v\n%s", got.code, want, got.err)
	}
}

// prove compares the export with the model's and has everything verified.
func (k *killed) prove() {
	k.t.Helper()
	path := filepath.Join(k.t.TempDir(), "export.jsonl")
	if len(k.model.Sealed) == 0 { // no run is published
		must(k.t, 1, "export", "books", "--to", path, "--project", k.dir)
		return
	}
	v := value(k.t, must(k.t, 0, "export", "books", "--to", path, "--project", k.dir, "--json"))
	text, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatal(err)
	}
	if diff := auditor.Difference(string(text), k.model.Export()); diff != "" {
		k.t.Fatalf("the export differs (digest %v): %s", v["digest"], diff)
	}
	must(k.t, 0, "verify", "books", "--project", k.dir, "--json")
}

// TestKilledAfterEachStep kills the process of a run as soon as a step is recorded, one step after another, each time by a
// process that goes on where the one before it died. The export is then byte for byte what nothing disturbed gives.
func TestKilledAfterEachStep(t *testing.T) {
	t.Parallel()
	c := updating(t)
	k := &killed{t: t, dir: t.TempDir(), model: auditor.NewModel(c.Streams, c.Pipeline), took: map[auditor.Action]time.Duration{}, hits: &atomic.Int64{}}
	if err := auditor.Write(k.dir, c.Streams, c.Pipeline); err != nil {
		t.Fatal(err)
	}
	last := len(c.Steps) - 1
	for _, step := range c.Steps[:last] {
		k.do(c, step)
	}
	for i, step := range runs.StepNames {
		cmd := exec.CommandContext(t.Context(), os.Args[0], k.dir)
		cmd.Env = append(os.Environ(), dieAfter+"="+string(step))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("the process lives after step %s (%v): %s", step, err, out)
		}
		wantSteps(t, k.dir, i+1)
	}
	k.do(c, c.Steps[last])
	k.prove()
}

// updating finds the first case whose last run has events to fold into artifacts that an earlier run made.
func updating(t *testing.T) *auditor.Case {
	t.Helper()
	for seed := range uint64(1000) {
		c := auditor.New(seed, auditor.Size{Files: 4, Rows: 60})
		m, runs, fresh := auditor.NewModel(c.Streams, c.Pipeline), 0, int64(0)
		for _, step := range c.Steps[:len(c.Steps)-1] {
			switch step.Action {
			case auditor.Ingest:
				fresh += m.Ingest(step.StreamName, step.Files).Accepted
			case auditor.Run:
				m.Publish(len(m.Sealed))
				runs, fresh = runs+1, 0
			case auditor.Grow, auditor.Rebuild, auditor.Retry:
				runs = -1000 // too many runs for this test
			}
		}
		if runs > 0 && m.Export() != "" && fresh >= 10 {
			return c
		}
	}
	t.Fatal("no such case")
	return nil
}

// wantSteps reads how many steps of the newest run are recorded.
func wantSteps(t *testing.T, dir string, want int) {
	t.Helper()
	a, err := app.Open(t.Context(), dir, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	g, err := a.Queries.Current(t.Context(), "books")
	if err != nil {
		t.Fatal(err)
	}
	runs, err := a.Runs(t.Context(), "books", g.Generation, g.Runs-1)
	if err != nil || len(runs) != 1 || len(runs[0].Steps) != want {
		t.Fatalf("the newest run is %+v (%v), want %d steps of it recorded", runs, err, want)
	}
}
