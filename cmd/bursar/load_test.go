//go:build linux

// Loads by the command: results, errors, and loads while `bursar up` runs.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/object/s3/s3test"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse"
)

const clicksYAML = `load: clicks
from: in/
format: json
columns:
  id: {type: string}
  user.zip: {type: string, optional: true}
rest: properties
strategy: manifest
`

// loading makes a project with the load, and objects of one row each.
func loading(t *testing.T, objects int) (dir string) {
	t.Helper()
	dir = shop(t)
	file(t, dir, "warehouse/clicks.yaml", clicksYAML)
	for i := range objects {
		file(t, dir, fmt.Sprintf("in/%03d.json", i), fmt.Sprintf(`{"id":"%d","user":{"zip":"10%03d"},"x":1}`, i, i))
	}
	return dir
}

// loaded returns the only load of a result.
func loaded(t *testing.T, o outcome) map[string]any {
	t.Helper()
	return item(t, value(t, o), "loads", 0)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := loading(t, 3)
	if got := must(t, 0, "check", "--project", dir); !strings.Contains(got.out, ", 1 load.") {
		t.Errorf("check says %s", got.out)
	}
	r := loaded(t, must(t, 0, "load", "--validate", "--json", "--project", dir))
	if r["rows"] != 3.0 || r["number"] != 0.0 {
		t.Errorf("validated %v", r)
	}
	r = loaded(t, must(t, 0, "load", "clicks", "--json", "--project", dir))
	if r["objects"] != 3.0 || r["rows"] != 3.0 || r["number"] != 1.0 || r["table"] != "clicks" || r["strategy"] != "manifest" || r["rejects"] == nil {
		t.Errorf("loaded %v", r)
	}
	file(t, dir, "in/bad.json", `{"id":5}`)
	o := must(t, 1, "load", "--project", dir)
	for _, want := range []string{"error: load clicks: 1 rows or more are rejected, and max_errors allows none; nothing was loaded; object bad.json: line 1: column id:", "hint: correct the columns in warehouse/clicks.yaml"} {
		if !strings.Contains(o.err, want) {
			t.Errorf("no %s in %s", want, o.err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "in/000.json")); err != nil {
		t.Fatal(err)
	}
	file(t, dir, "in/bad.json", `{"id":"5"}`)
	if o = must(t, 0, "load", "--project", dir); !strings.Contains(o.out, "clicks: 1 loaded object does not exist any more: 000.json") {
		t.Errorf("printed\n%s", o.out)
	}
	must(t, 3, "load", "click", "--project", dir)
	must(t, 2, "load", "clicks", "--from", "2026-11-25", "--project", dir)
	must(t, 2, "load", "--project", shop(t))
	yaml := must(t, 0, "load", "infer", "in/", "--name", "inferred", "--project", dir).out
	file(t, dir, "warehouse/inferred.yaml", yaml)
	if r = loaded(t, must(t, 0, "load", "inferred", "--json", "--project", dir)); r["rows"] != 3.0 {
		t.Errorf("loaded %v", r)
	}
}

// TestLoadVerify compares a table before and after somebody deletes a row of it.
func TestLoadVerify(t *testing.T) {
	t.Parallel()
	dir := loading(t, 3)
	must(t, 0, "load", "--project", dir)
	if got := must(t, 0, "load", "--verify", "--project", dir); got.out != "✓ clicks: table clicks has 3 rows of 3 objects, as loaded\n" {
		t.Errorf("printed %s", got.out)
	}
	must(t, 2, "load", "--verify", "--reload", "--project", dir)
	fillWarehouse(t, dir, func(ctx context.Context, tx warehouse.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM clicks WHERE _object = '001.json'")
		return err
	})
	o := must(t, 4, "load", "--verify", "--project", dir)
	if o.out != "✗ clicks: table clicks has 2 rows of 3 objects, and 3 were loaded: 001.json: 0 rows in place of 1\n" || !strings.Contains(o.err, "`bursar load clicks --reload`") {
		t.Errorf("printed %s%s", o.out, o.err)
	}
	must(t, 0, "load", "clicks", "--reload", "--project", dir)
	must(t, 0, "load", "--verify", "--project", dir)
}

// TestFaultyLoad refuses to load while a declaration has a fault, and to archive: an ignored key may change what values mean.
func TestFaultyLoad(t *testing.T) {
	t.Parallel()
	dir := loading(t, 1)
	file(t, dir, "warehouse/clicks.yaml", strings.Replace(clicksYAML, "optional: true", "optionl: true", 1))
	for _, args := range [][]string{{"load"}, {"load", "--validate"}, {"load", "--verify"}, {"archive"}} {
		if o := must(t, 2, append(args, "--project", dir)...); !strings.Contains(o.err, "error: warehouse/clicks.yaml:6: ") {
			t.Errorf("%q says %s", args, o.err)
		}
	}
	must(t, 0, "ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"), "--project", dir)
}

// TestLoadThroughUp loads while `bursar up` has the project open.
func TestLoadThroughUp(t *testing.T) {
	t.Parallel()
	dir := loading(t, 2)
	u := bringUp(t, dir)
	if r := loaded(t, must(t, 0, "load", "--json", "--project", dir)); r["rows"] != 2.0 {
		t.Errorf("loaded %v", r)
	}
	must(t, 0, "load", "infer", "in/", "--project", dir)
	u.stop(os.Interrupt, 0)
	if r := loaded(t, must(t, 0, "load", "--json", "--project", dir)); r["rows"] != 0.0 || r["known"] != 2.0 {
		t.Errorf("loaded %v", r)
	}
}

// TestLoadOfBucket loads objects of a bucket into PostgreSQL.
func TestLoadOfBucket(t *testing.T) {
	t.Parallel()
	store := s3test.Versitygw(t)
	database := postgrestest.URL(t)
	dir := projectOn(t, database, store.Endpoint, store)
	store.NewBucket(t, "lake")
	put := func(key, text string) { store.Put(t, "lake", key, text) }
	put("events/2026-11-25/a b.json", `{"id":"1"}`)
	put("events/2026-11-26/a.json", `{"id":"2"}{"id":"3"}`)
	put("events/_SUCCESS", "")
	put("other/a.json", "nothing")
	file(t, dir, "warehouse/clicks.yaml", strings.Replace(clicksYAML, "in/", "s3://lake/events/", 1))
	config, err := os.ReadFile(filepath.Join(dir, "bursar.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file(t, dir, "bursar.yaml", string(config)+fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", database))
	if r := loaded(t, must(t, 0, "load", "--json", "--project", dir)); r["objects"] != 2.0 || r["rows"] != 3.0 {
		t.Errorf("loaded %v", r)
	}
	put("events/2026-11-25/a b.json", `{"id":"9"}`)
	if r := loaded(t, must(t, 0, "load", "--json", "--project", dir)); r["rows"] != 0.0 || r["known"] != 1.0 || !strings.Contains(fmt.Sprint(r["changed"]), "count:1") {
		t.Errorf("loaded %v", r)
	}
	if n := postgrestest.Number(t, database, `SELECT count(*) FROM warehouse.clicks WHERE _object = '2026-11-25/a b.json' AND id = '1'`); n != 1 {
		t.Errorf("%d rows", n)
	}
	if yaml := must(t, 0, "load", "infer", "s3://lake/events/", "--project", dir).out; !strings.Contains(yaml, "load: events") || !strings.Contains(yaml, "by: day") {
		t.Errorf("inferred\n%s", yaml)
	}
	if r := must(t, 1, "load", "infer", "s3://none/events/", "--project", dir); !strings.Contains(r.err, "bucket none") {
		t.Errorf("a bucket that does not exist: %s", r.err)
	}
}

const clicksByZip = `-- model: clicks_by_zip
-- materialize: incremental
-- key: zip
SELECT user_zip AS zip, count(*) AS clicks FROM clicks
WHERE user_zip IN (SELECT user_zip FROM clicks WHERE _load > :after_clicks)
GROUP BY user_zip
`

// TestModelOfLoad adds to an incremental model what was loaded since its last run, and makes it again after a reload.
func TestModelOfLoad(t *testing.T) {
	t.Parallel()
	dir := loading(t, 3)
	file(t, dir, "warehouse/clicks_by_zip.sql", clicksByZip)
	run := func(full bool, added float64) {
		t.Helper()
		must(t, 0, "load", "--project", dir)
		made := item(t, value(t, must(t, 0, "model", "run", "--json", "--project", dir)), "models", 0)
		if (made["full"] == true) != full || !full && made["added"] != added {
			t.Errorf("made %v", made)
		}
	}
	run(true, 3)
	file(t, dir, "in/new.json", `{"id":"9","user":{"zip":"20000"}} {"id":"10","user":{"zip":"20001"}}`)
	run(false, 2)
	must(t, 0, "load", "--reload", "--project", dir)
	run(true, 5)
}
