// Verification of streams that no pipeline reads, and of unknown objects.

package app

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"bursar/internal/reconcile/verify"
)

const lonelyYAML = "stream: lonely\nformat: jsonl\nid: id\ncolumns:\n  id: {type: string}\n"

// openLonely opens a project of two runs, with another stream that no pipeline reads.
func openLonely(t *testing.T) *App {
	t.Helper()
	a := openFiles(t, map[string]string{
		"bursar.yaml": "threads: 1\n", "streams/payments.yaml": paymentsYAML, "streams/lonely.yaml": lonelyYAML, "pipelines/orders.yaml": ordersYAML,
	})
	pay(t, a, "1 a 10.00")
	runAll(t, a, "orders")
	pay(t, a, "2 a 1.00")
	runAll(t, a, "orders")
	mustIngest(t, a, "lonely", putFile(t, t.TempDir(), "in.jsonl", `{"id":"1"}`+"\n{bad\n"))
	return a
}

// failedChecks returns the failed checks of a verification of the whole project.
func failedChecks(t *testing.T, a *App) (failed []ProjectCheck) {
	t.Helper()
	verified, err := a.VerifyProject(t.Context(), verify.Options{Sample: 10}, func(string, int64, int64) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range verified.Checks {
		if !c.OK {
			failed = append(failed, c)
		}
	}
	if verified.OK != (len(failed) == 0) {
		t.Errorf("OK is %v with %+v", verified.OK, failed)
	}
	return failed
}

// TestVerifyReadsStreamsWithoutPipelines damages each object of a stream that no pipeline reads.
func TestVerifyReadsStreamsWithoutPipelines(t *testing.T) {
	t.Parallel()
	a := openLonely(t)
	if failed := failedChecks(t, a); len(failed) > 0 {
		t.Fatalf("before any damage: %+v", failed)
	}
	names, err := a.Engine.Objects.List(t.Context(), "streams/lonely/batches/")
	if err != nil || len(names) < 3 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, name := range names {
		path := objectPath(a, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flip(t, a, name)
		failed := failedChecks(t, a)
		if len(failed) == 0 || !slices.ContainsFunc(failed, func(c ProjectCheck) bool { return c.Stream == "lonely" && c.Remedy != "" }) {
			t.Errorf("with %s flipped fails %+v", name, failed)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if failed := failedChecks(t, a); len(failed) > 0 {
		t.Errorf("with all as it was: %+v", failed)
	}
}

// TestVerifyNamesStrayObjects adds an unknown object to each folder with objects, one after the other.
func TestVerifyNamesStrayObjects(t *testing.T) {
	t.Parallel()
	a := openLonely(t)
	for _, name := range []string{
		"stray",
		"other/stray",
		"streams/payments/stray",
		"streams/payments/batches/00000001/events-0-0099.parquet",
		"streams/lonely/batches/00000001/quarantine-2.parquet",
		"streams/unknown/batches/00000001/events-0-0000.parquet",
		"pipelines/orders/g0001/parts/00000001-stray.part",
		"pipelines/orders/g0001/runs/00000001/delta.parquet",
		"pipelines/orders/g0099/parts/00000001-0.part",
		"pipelines/unknown/g0001/parts/00000001-0.part",
		"statements/stray",
		"streams/payments/memory/stray",
	} {
		out, err := a.Engine.Objects.Create(t.Context(), name)
		if err == nil {
			_, err = bytes.NewBufferString("stray").WriteTo(out)
		}
		if err == nil {
			err = out.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
		failed := failedChecks(t, a)
		if len(failed) != 1 || !strings.Contains(failed[0].Detail, name) || failed[0].Remedy == "" {
			t.Errorf("with %s fails %+v", name, failed)
		}
		if err := a.Engine.Objects.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if failed := failedChecks(t, a); len(failed) > 0 {
		t.Errorf("with all removed: %+v", failed)
	}
}
