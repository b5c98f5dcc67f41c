//go:build linux

// Commands by processes that are killed at random, before one that is left alone while the database is restarted.

package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/postgres/postgrestest"
)

// disturbed is a project with a warehouse whose commands are killed.
type disturbed struct {
	*killed
	server   *postgrestest.Server     // nil: the warehouse is a file
	took     map[string]time.Duration // by a command that was left alone
	attempts int                      // at most, until a command succeeds: others end with a transient error
	dead     int                      // processes that died
	restarts int
}

// newDisturbed makes a project with a warehouse of a kind.
func newDisturbed(t *testing.T, kind string) *disturbed {
	t.Helper()
	d := &disturbed{killed: &killed{t: t, dir: t.TempDir(), random: seeded(t)}, took: map[string]time.Duration{}, attempts: 1}
	config := ""
	if kind == "postgres" {
		d.server = postgrestest.Start(t, postgrestest.Options{})
		config = fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", d.server.Database(t))
	}
	file(t, d.dir, "bursar.yaml", config)
	return d
}

// disturb executes a command by processes that are killed before the last one.
func (d *disturbed) disturb(args ...string) {
	d.t.Helper()
	d.kill(3, args...)
	d.finish(args...)
}

// kill executes a command by so many processes, each of which is killed at some moment of the time that it takes.
func (d *disturbed) kill(times int, args ...string) {
	d.t.Helper()
	took := d.took[args[0]]
	if took == 0 { // it was not executed yet
		return
	}
	for range times {
		if _, dead := d.child(d.moment(took), append(args, "--project", d.dir)...); dead {
			d.dead++
		}
	}
}

// finish executes a command until it succeeds, sometimes while the database is restarted.
func (d *disturbed) finish(args ...string) {
	d.t.Helper()
	restarted := d.restart(d.took[args[0]])
	defer restarted.Wait()
	for range d.attempts {
		began := time.Now()
		got, _ := d.child(0, append(args, "--project", d.dir)...)
		if got.code == 0 {
			d.took[args[0]] = time.Since(began)
			return
		}
		if d.attempts == 1 || !strings.Contains(got.err, "[transient]") {
			d.t.Fatalf("%q: %s", args, got.err)
		}
	}
	d.t.Fatalf("%q does not succeed", args)
}

// moment is some time within that of a command.
func (d *disturbed) moment(took time.Duration) time.Duration {
	return time.Duration(1 + d.random.Int64N(int64(took)))
}

// restart restarts the database, sometimes, in the middle of a command.
func (d *disturbed) restart(took time.Duration) *sync.WaitGroup {
	var restarted sync.WaitGroup
	if d.server == nil || took == 0 || d.random.IntN(3) > 0 {
		return &restarted
	}
	d.restarts++
	after, how := d.moment(took), []postgrestest.End{postgrestest.Fast, postgrestest.Killed}[d.random.IntN(2)]
	restarted.Go(func() {
		<-time.After(after)
		d.server.Restart(d.t, how)
	})
	return &restarted
}

// selects compares the rows of a query.
func (k *killed) selects(sql, want string) {
	k.t.Helper()
	got := must(k.t, 0, "query", sql, "--format", "csv", "--project", k.dir).out
	if _, rows, _ := strings.Cut(got, "\n"); rows != want {
		k.t.Fatalf("%s gives\n%s\nwant\n%s", sql, rows, want)
	}
}
