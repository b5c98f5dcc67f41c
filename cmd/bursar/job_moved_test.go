//go:build linux && !race

// Tasks of a worker that is killed are executed by another one.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// movedWithin is the promise of docs/jobs.md for the job of TestJobMoves.
const movedWithin = 3*time.Second + 2*time.Second

// begun is a line of the program of TestJobMoves: each worker executes it in its own folder.
type begun struct {
	folder, partition string
	at                time.Time
}

// TestJobMoves kills one of two workers on shared servers while both execute tasks. On a machine that does many other things, one of several
// attempts must keep the promise; the tasks move in each of them, or the test ends only with its timeout. It measures a time, and so is not parallel.
func TestJobMoves(t *testing.T) {
	servers := newServers(t)
	lines, released := filepath.Join(t.TempDir(), "lines"), filepath.Join(t.TempDir(), "released")
	dir := jobFolder(t, map[string]string{"waits": fmt.Sprintf(`schedule: "0 0 1 1 *"
partition: {count: 8}
heartbeat: 3s
task: {exec: [sh, -c, 'echo "$(pwd) $BURSAR_PARTITION $(date +%%s%%N) $BURSAR_SLOT" >> %s; until [ -e %s-$BURSAR_SLOT ]; do sleep 0.1; done']}
`, lines, released)})
	servers.share(t, dir)
	logs := t.ArtifactDir()
	workers := []*serving{newServing(t, "worker0", dir, logs, "worker", "--roles", "job")}
	mustStart(t, workers...) // makes the key that all machines have
	commands := elsewhere(t, dir)
	workers = append(workers, newServing(t, "worker1", elsewhere(t, dir), logs, "worker", "--roles", "job"))
	mustStart(t, workers[1])
	const attempts = 3
	var took time.Duration
	for i := range attempts {
		slot := time.Date(2020+i, 1, 1, 0, 0, 0, 0, time.UTC).Format(time.RFC3339)
		must(t, 0, "job", "backfill", "waits", "--from", slot, "--to", slot[:10]+"T01:00", "--project", commands)
		took = movesAfterKill(t, workers, func() []begun { return begunTasks(t, lines, slot) })
		file(t, filepath.Dir(released), "released-"+slot, "")
		awaitThat(t, "the slot is done", func() bool {
			return strings.Contains(bursar(t, "job", "why", "waits", slot, "--project", commands).out, "is done")
		})
		if took <= movedWithin {
			break
		}
		t.Logf("attempt %d: the tasks were executed elsewhere after %s", i+1, took)
		mustStart(t, workers[0])
	}
	if took > movedWithin {
		t.Errorf("tasks of a killed worker were executed elsewhere after %s, want %s", took, movedWithin)
	}
	must(t, 0, "verify", "--project", commands)
}

// begunTasks returns what the programs of a slot have written.
func begunTasks(t *testing.T, path, slot string) (list []begun) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 4 || f[3] != slot {
			continue
		}
		at, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, begun{f[0], f[1], time.Unix(0, at)})
	}
	return list
}

// movesAfterKill kills the first worker when all tasks have begun, and returns how long after that the last of its tasks began elsewhere.
func movesAfterKill(t *testing.T, workers []*serving, tasks func() []begun) (took time.Duration) {
	t.Helper()
	victim := map[string]bool{}
	awaitThat(t, "both workers execute tasks", func() bool {
		list := tasks()
		clear(victim)
		for _, one := range list {
			if one.folder == workers[0].dir {
				victim[one.partition] = true
			}
		}
		return len(list) >= 8 && len(victim) > 0 && len(victim) < 8
	})
	killed := time.Now()
	workers[0].killed()
	awaitThat(t, "the tasks are executed elsewhere", func() bool {
		moved := map[string]bool{}
		for _, one := range tasks() {
			if victim[one.partition] && one.folder != workers[0].dir && one.at.After(killed) {
				moved[one.partition] = true
				took = max(took, one.at.Sub(killed))
			}
		}
		return len(moved) == len(victim)
	})
	t.Logf("%d tasks were executed elsewhere after %s", len(victim), took)
	return took
}
