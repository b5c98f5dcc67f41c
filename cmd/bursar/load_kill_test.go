//go:build linux

// Loads by processes that are killed at random, while objects come, change and go and the database is restarted: the tables are the rows of the
// objects.

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const (
	loadKills     = 3
	soakLoadKills = 50
)

func TestLoadKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes")
	}
	t.Parallel()
	playLoadKilled(t, loadKills)
}

func TestSoakLoadKilled(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	playLoadKilled(t, soakLoadKills)
}

func playLoadKilled(t *testing.T, kills int) {
	t.Helper()
	for _, kind := range []string{"duckdb", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := &loads{disturbed: newDisturbed(t, kind), objects: map[string]map[string]amounts{}}
			for _, strategy := range strategies {
				l.declare(strategy)
			}
			for l.dead < kills || l.staged == 0 {
				l.round()
			}
			t.Logf("%d rows loaded, %d rounds of several transactions, %d processes killed, %d restarts", l.rows, l.staged, l.dead, l.restarts)
		})
	}
}

// strategies are also the names of the loads.
var strategies = []string{"manifest", "bulk", "timeseries"}

// loads is a project with a load of each strategy, whose processes are killed.
type loads struct {
	*disturbed
	objects map[string]map[string]amounts // of a load, by name
	rows    int                           // that were loaded, also again
	rounds  int
	staged  int // rounds whose loads have several transactions
}

// amounts are rows of an object or of a table.
type amounts struct{ rows, cents int }

func (l *loads) declare(strategy string) {
	l.t.Helper()
	yaml := fmt.Sprintf("load: %s\nfrom: in/%s/\nformat: jsonl\ncolumns:\n  id: {type: int}\n  account: {type: int}\n  amount: {type: \"decimal(18,2)\"}\n"+
		"rest: others\nstrategy: %[1]s\n", strategy, strategy)
	if strategy == "timeseries" {
		yaml += "timeseries: {by: day}\n"
	}
	file(l.t, l.dir, "warehouse/"+strategy+".yaml", yaml)
	l.objects[strategy] = map[string]amounts{}
}

// round changes the objects of all loads, and loads them by processes that are killed before the last one.
func (l *loads) round() {
	l.t.Helper()
	wide := l.rounds > 0 && l.random.IntN(3) == 0
	if wide {
		l.staged++
	}
	for i := range 3 {
		l.object("manifest", fmt.Sprintf("%d-%d.jsonl.zst", l.rounds, i), wide)
		l.object("bulk", fmt.Sprintf("%d.jsonl.zst", i), wide)
	}
	if l.random.IntN(2) == 0 {
		l.remove("bulk", "2.jsonl.zst")
	}
	for day := max(0, l.rounds-1 /* changed */); day <= l.rounds; day++ {
		l.object("timeseries", fmt.Sprintf("2026/%02d/%02d/a.jsonl.zst", 1+day/28, 1+day%28), wide)
	}
	l.rounds++
	for range 3 {
		l.kill(1, "load")
		l.proveWhole()
	}
	l.finish("load")
	l.prove()
}

// proveWhole checks that the rows of every object are in a table as the journal says, whatever a killed process has done.
func (l *loads) proveWhole() {
	l.t.Helper()
	if l.rounds == 1 {
		return // nothing is loaded yet
	}
	for _, load := range strategies {
		l.selects("SELECT object, rows, row_count FROM (SELECT _object, count(*) AS rows FROM "+load+" GROUP BY _object) AS t FULL JOIN "+
			"(SELECT object, row_count FROM bursar_load_objects WHERE load = '"+load+"') AS j ON object = _object WHERE rows IS DISTINCT FROM row_count", "")
	}
}

// object writes an object of some thousand rows.
func (l *loads) object(load, name string, wide bool) {
	l.t.Helper()
	var text bytes.Buffer
	sum := amounts{rows: 1000 + l.random.IntN(4000)}
	for range sum.rows {
		cents := l.random.IntN(1_000_000)
		sum.cents += cents
		fmt.Fprintf(&text, `{"id":%d,"account":%d,"amount":"%d.%02d","more":[1,"x"]}`+"\n", l.rows, l.random.IntN(5000), cents/100, cents%100)
		l.rows++
	}
	path := filepath.Join(l.dir, "in", load, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		l.t.Fatal(err)
	}
	out, err := zstd.NewWriter(nil)
	if err != nil {
		l.t.Fatal(err)
	}
	packed := out.EncodeAll(text.Bytes(), nil)
	if wide {
		packed = binary.LittleEndian.AppendUint32(append(packed, skippable...), wideBytes)
	}
	if err := os.WriteFile(path, packed, 0o600); err != nil {
		l.t.Fatal(err)
	}
	if wide {
		if err := os.Truncate(path, int64(len(packed)+wideBytes)); err != nil {
			l.t.Fatal(err)
		}
	}
	l.objects[load][name] = sum
}

// skippable begins a frame of Zstandard that has no data, and its size follows. A hole in the file is its content.
var skippable = []byte{0x50, 0x2a, 0x4d, 0x18}

// wideBytes is so much that two objects are not loaded in one transaction.
const wideBytes = 300 << 20

func (l *loads) remove(load, name string) {
	l.t.Helper()
	delete(l.objects[load], name)
	if err := os.Remove(filepath.Join(l.dir, "in", load, name)); err != nil {
		l.t.Fatal(err)
	}
}

// prove compares the rows of every object in each table, and those of the journal, with what was written to the objects. Nothing is staged.
func (l *loads) prove() {
	l.t.Helper()
	for _, load := range strategies {
		var want, journal strings.Builder
		for _, name := range slices.Sorted(maps.Keys(l.objects[load])) {
			o := l.objects[load][name]
			fmt.Fprintf(&want, "%s,%d,%d.%02d\n", name, o.rows, o.cents/100, o.cents%100)
			fmt.Fprintf(&journal, "%s,%d\n", name, o.rows)
		}
		l.selects("SELECT _object, count(*), sum(amount) FROM "+load+` GROUP BY _object ORDER BY _object`, want.String())
		l.selects("SELECT object, row_count FROM bursar_load_objects WHERE load = '"+load+"' ORDER BY object", journal.String())
	}
	l.selects("SELECT object FROM bursar_load_staged", "")
	l.selects("SELECT load_number FROM bursar_loads WHERE finished IS NULL", "")
}
