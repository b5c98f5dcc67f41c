//go:build linux

// The warehouse by commands: published by hand and by `bursar up`, verified, and shown by status.

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPublish(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	at := func(args ...string) []string { return append([]string{"--project", dir, "--json"}, args...) }
	must(t, 0, at("ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"))...)
	if v := value(t, must(t, 0, at("status")...)); v["warehouse"] != nil || v["warehouse_error"] != nil {
		t.Errorf("status says %v before anything was published", v)
	}
	must(t, 0, at("run")...)
	v := value(t, must(t, 0, at("publish")...))
	if events := item(t, v, "tables", 0); length(t, v, "tables") != 2 || events["table"] != "events_payments" || events["rows"] != 20.0 || events["through"] != 1.0 {
		t.Errorf("publish says %v", v)
	}
	wantFields(t, item(t, v, "tables", 1), "table", "source", "generation", "after", "through", "rows", "removed", "watermark", "seconds")
	if v := value(t, must(t, 0, at("publish")...)); length(t, v, "tables") != 0 {
		t.Errorf("a second publish says %v", v)
	}
	if got := must(t, 0, "publish", "--project", dir); !strings.Contains(got.out, "up to date") {
		t.Errorf("it prints %s", got.out)
	}
	if got := must(t, 0, "publish", "orders", "--again", "--project", dir); !strings.Contains(got.out, "│ orders ") || !strings.Contains(got.out, "run 1") {
		t.Errorf("a table made again prints %s", got.out)
	}
	if v := value(t, must(t, 0, at("publish", "--verify")...)); v["ok"] != true || length(t, v, "tables") != 2 {
		t.Errorf("verify says %v", v)
	}
	if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.out, "│ events_payments ") {
		t.Errorf("status prints %s", got.out)
	}
	if got := must(t, 3, "publish", "payments", "--project", dir); !strings.Contains(got.err, "events_payments, orders") {
		t.Errorf("an unknown table: %s", got.err)
	}
	must(t, 2, at("publish", "--again")...)
	must(t, 2, at("publish", "--again", "--verify", "orders")...)

	file(t, dir, "bursar.yaml", "warehouse: {kind: none}\n")
	if got := must(t, 1, "publish", "--project", dir); !strings.Contains(got.err, "has no warehouse") {
		t.Errorf("without a warehouse: %s", got.err)
	}
}

// TestUpPublishes: a project that is up has everything in its warehouse a moment later, and answers commands about it.
func TestUpPublishes(t *testing.T) {
	t.Parallel()
	dir := shop(t)
	at := func(args ...string) []string { return append([]string{"--project", dir, "--json"}, args...) }
	u := bringUp(t, dir)
	must(t, 0, at("ingest", "payments", filepath.Join(dir, "sample", "payments.jsonl"))...)
	awaitWarehouse(t, dir, map[string]float64{"events_payments": 20, "orders": 7})
	if v := value(t, must(t, 0, at("publish", "orders")...)); item(t, v, "tables", 0)["through"] != 1.0 {
		t.Errorf("publish says %v", v)
	}
	must(t, 0, at("rebuild", "orders")...)
	awaitWarehouse(t, dir, map[string]float64{"events_payments": 20, "orders": 7})
	if v := value(t, must(t, 0, at("publish", "--verify")...)); v["ok"] != true {
		t.Errorf("verify says %v", v)
	}
	u.stop(syscall.SIGTERM, 0)
	if v := value(t, must(t, 0, at("publish")...)); length(t, v, "tables") != 0 {
		t.Errorf("it has left %v", v)
	}
}

// awaitWarehouse waits until the tables of the warehouse are up to date and have these numbers of rows.
func awaitWarehouse(t *testing.T, dir string, want map[string]float64) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var v map[string]any
	for began := time.Now(); time.Since(began) < time.Minute; <-tick.C {
		v = value(t, must(t, 0, "status", "--json", "--project", dir))
		ready := 0
		list, _ := v["warehouse"].([]any)
		for _, one := range list {
			if s, ok := one.(map[string]any); ok && s["behind"] == false && s["rows"] == want[words(s, "table")] {
				ready++
			}
		}
		if ready == len(want) {
			return
		}
	}
	t.Fatalf("the warehouse does not have %v: %v", want, v["warehouse"])
}
