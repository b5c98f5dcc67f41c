//go:build linux

// A warehouse whose disk is full: publishing, loads and models fail and change nothing, and succeed when there is space.

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/postgres/postgrestest"
)

// TestFullWarehouse has all of a project with DuckDB on a small disk, or the tables of PostgreSQL, or its log of transactions.
func TestFullWarehouse(t *testing.T) {
	t.Parallel()
	for kind, prepare := range map[string]func(f *fullWarehouse){
		"duckdb": func(f *fullWarehouse) {
			f.disk = disk(f.t, 100<<10)
			f.dir, f.leave, f.full = filepath.Join(f.disk, "shop"), 1500, "no space left on device"
		},
		"tables of postgres": func(f *fullWarehouse) {
			var location string
			location, f.disk = postgrestest.Start(f.t, postgrestest.Options{}).DatabaseOnDisk(f.t, 100<<10)
			f.config, f.full = fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", location), "free space on the server's disk"
		},
		"log of postgres": func(f *fullWarehouse) { // the server ends when it cannot be written
			f.server, f.disk = postgrestest.StartLogOnDisk(f.t, 150<<10)
			f.config = fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", f.server.Database(f.t))
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f := &fullWarehouse{killed: &killed{t: t, dir: t.TempDir(), random: seeded(t)}, leave: 300}
			prepare(f)
			playFullWarehouse(t, f)
		})
	}
}

func playFullWarehouse(t *testing.T, f *fullWarehouse) {
	t.Helper()
	file(t, f.dir, "bursar.yaml", f.config)
	file(t, f.dir, "streams/visits.yaml", visits)
	file(t, f.dir, "warehouse/sales.yaml",
		"load: sales\nfrom: in/\nformat: csv\ncolumns:\n  id: {type: string}\n  amount: {type: \"decimal(18,2)\"}\nstrategy: manifest\n")
	file(t, f.dir, "warehouse/all_rows.sql",
		"-- model: all_rows\nSELECT id, cost AS amount FROM events_visits UNION ALL SELECT id, amount FROM sales\n")
	f.arrive(1000)
	for _, args := range [][]string{{"publish"}, {"load"}, {"model", "run"}} {
		must(t, 0, append(args, "--project", f.dir)...)
	}
	f.published, f.loaded, f.modelled = f.visits, f.sales, plus(f.visits, f.sales)
	f.prove()
	f.arrive(40_000)
	f.untilSpace("publish")
	f.published = f.visits
	f.prove()
	f.untilSpace("load")
	f.loaded = f.sales
	f.prove()
	f.untilSpace("model", "run")
	f.modelled = plus(f.visits, f.sales)
	f.prove()
	must(t, 0, "publish", "--verify", "--project", f.dir)
}

// fullWarehouse is a project whose warehouse is on a small disk.
type fullWarehouse struct {
	*killed
	disk   string
	leave  int64                // KiB on a full disk
	full   string               // in the error of a command then
	server *postgrestest.Server // starts again when there is space; nil: it need not

	visits, sales               amounts // of the source
	published, loaded, modelled amounts // of the tables
	objects                     int
}

func plus(a, b amounts) amounts { return amounts{a.rows + b.rows, a.cents + b.cents} }

// arrive seals events, and writes an object for the load. Their identifiers cannot be compressed.
func (f *fullWarehouse) arrive(n int) {
	f.t.Helper()
	f.visits = plus(f.visits, f.write("visits.jsonl", "", n, `{"id":%q,"page":1,"cost":"%d.%02d","at":"2026-11-25T08:00:00Z"}`))
	must(f.t, 0, "ingest", "visits", filepath.Join(f.dir, "visits.jsonl"), "--project", f.dir)
	f.objects++
	f.sales = plus(f.sales, f.write(fmt.Sprintf("in/%d.csv", f.objects), "id,amount\n", n, "%s,%d.%02d"))
}

// write writes a file of rows.
func (f *fullWarehouse) write(name, head string, n int, row string) amounts {
	f.t.Helper()
	sum := amounts{rows: n}
	path := file(f.t, f.dir, name, head)
	out, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		f.t.Fatal(err)
	}
	w := bufio.NewWriter(out)
	for range n {
		cents := f.random.IntN(1_000_000)
		sum.cents += cents
		id := fmt.Sprintf("%016x%016x%016x%016x", f.random.Uint64(), f.random.Uint64(), f.random.Uint64(), f.random.Uint64())
		fmt.Fprintf(w, row+"\n", id, cents/100, cents%100)
	}
	if err := w.Flush(); err != nil {
		f.t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		f.t.Fatal(err)
	}
	return sum
}

// untilSpace executes a command on a full disk, which changes nothing, and again when there is space.
func (f *fullWarehouse) untilSpace(args ...string) {
	f.t.Helper()
	args = append(args, "--project", f.dir)
	free := fill(f.t, f.disk, f.leave)
	if f.server != nil {
		f.whileAway(free, args)
		must(f.t, 0, args...)
		return
	}
	got := bursar(f.t, args...)
	if got.code != 1 || !strings.Contains(strings.ToLower(got.err), f.full) || !strings.Contains(got.err, "[transient]") {
		f.t.Errorf("on a full disk: exit code %d, standard output %q, standard error\n%s", got.code, got.out, got.err)
	}
	free()
	f.prove()
	must(f.t, 0, args...)
}

// whileAway executes a command that ends the server, because its disk is full, and starts it again with space. The command may wait for that.
func (f *fullWarehouse) whileAway(free func(), args []string) {
	f.t.Helper()
	ended := make(chan outcome, 1)
	go func() { ended <- bursar(f.t, args...) }()
	for {
		conn, err := net.Dial("tcp", f.server.Address)
		if err != nil {
			break
		}
		_ = conn.Close()
		select {
		case got := <-ended:
			f.t.Fatalf("the server has not ended, and %q has with exit code %d: %s", args, got.code, got.err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	free()
	f.server.Restart(f.t, postgrestest.Killed)
	got := <-ended
	f.t.Logf("%s ends with exit code %d: %s", args[0], got.code, got.err)
	if got.code != 0 && !strings.Contains(got.err, "[transient]") {
		f.t.Errorf("%q: %s", args, got.err)
	}
}

// prove compares the tables with what they are known to contain.
func (f *fullWarehouse) prove() {
	f.t.Helper()
	for _, is := range []struct {
		table, column string
		want          amounts
	}{{"events_visits", "cost", f.published}, {"sales", "amount", f.loaded}, {"all_rows", "amount", f.modelled}} {
		f.selects(fmt.Sprintf("SELECT count(*), sum(%s) FROM %s", is.column, is.table),
			fmt.Sprintf("%d,%d.%02d\n", is.want.rows, is.want.cents/100, is.want.cents%100))
	}
	f.selects("SELECT sum(row_count) FROM bursar_load_objects", fmt.Sprintln(f.loaded.rows))
}
