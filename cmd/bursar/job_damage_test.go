// Damage of what a project knows of its jobs: `verify` finds it, `job logs` shows what is left, and `repair` does what the table says.

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bursar/internal/catalog"
	"bursar/internal/job/task"
)

const damagedSlot = "2026-11-25T08:00"

// damagedJobs makes a project with a slot that is done, whose three tasks have written something, one that is executed, and one that waits.
func damagedJobs(t *testing.T) string {
	t.Helper()
	declared := "schedule: \"0 8 * * *\"\nzone: UTC\noverlap: queue\npartition: {list: [acme, bolt, cord]}\ntask: {exec: [\"true\"]}\n"
	dir := recordJobs(t, map[string]string{"bills": declared}, func(r *jobRecorder) {
		r.decide("2026-11-25T07:00:00Z")
		wrote := func(key string) task.Outcome {
			return task.Outcome{State: task.Done, Output: []byte("billed " + key + "\n")}
		}
		r.execute(r.decide("2026-11-25T08:00:00Z").Start[0], outcomes{"acme": wrote("acme"), "bolt": wrote("bolt"), "cord": wrote("cord")})
		r.decide("2026-11-26T08:00:00Z")
		r.decide("2026-11-27T08:00:00Z")
	})
	must(t, 0, "job", "list", "--project", dir) // which notes how the catalog is
	return dir
}

// jobObjects are the files with output of tasks.
func jobObjects(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, ".bursar", "objects", "jobs", "*", "*", "*", "*.jsonl"))
	if err != nil || len(names) < 2 {
		t.Fatal(names, err)
	}
	return names
}

// forget removes a document from a catalog that nothing has open.
func forget(t *testing.T, dir, key string) {
	t.Helper()
	c, err := catalog.OpenSQLite(filepath.Join(dir, ".bursar", "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = c.Update(t.Context(), func(tx catalog.Tx) error {
		if found, err := tx.Get(key, new(any)); err != nil || !found {
			t.Errorf("no document %s: %v", key, err)
		}
		return tx.Delete(key)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	must(t, 0, "job", "list", "--project", dir) // which notes how the catalog is
}

func TestJobDamagedOutput(t *testing.T) {
	t.Parallel()
	whole := damagedJobs(t)
	must(t, 0, "verify", "--project", whole)
	for kind, damage := range damages {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, whole)
			if err := damage(jobObjects(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
			found := bursar(t, "verify", "--project", dir)
			if found.code != 1 || !strings.Contains(found.out, "output of bills/2026-11-25T08:00:00Z") || !strings.Contains(found.out, "bursar repair --from BACKUP") {
				t.Errorf("verify: %+v", found)
			}
			logs := bursar(t, "job", "logs", "bills", damagedSlot, "--project", dir)
			if logs.code != 1 || strings.Contains(logs.out, "acme") || !strings.Contains(logs.out, "billed cord") || !strings.Contains(logs.err, "1 of its objects") || strings.Contains(logs.err, "bug") {
				t.Errorf("logs: %+v", logs)
			}
			must(t, 1, "repair", "--project", dir)
			must(t, 0, "repair", "--from", whole, "--project", dir)
			must(t, 0, "verify", "--project", dir)
			if logs := must(t, 0, "job", "logs", "bills", damagedSlot, "--project", dir); !strings.Contains(logs.out, "billed acme") {
				t.Errorf("logs after the repair: %+v", logs)
			}
		})
	}
}

// TestJobLostOutput: without a copy a loss is reported until it is dismissed.
func TestJobLostOutput(t *testing.T) {
	t.Parallel()
	dir := damagedJobs(t)
	if err := os.RemoveAll(filepath.Join(dir, ".bursar", "objects", "jobs")); err != nil {
		t.Fatal(err)
	}
	must(t, 1, "verify", "--project", dir)
	must(t, 1, "repair", "--project", dir)
	must(t, 1, "job", "logs", "bills", damagedSlot, "--follow", "--project", dir)
	must(t, 0, "repair", "--dismiss", "--project", dir)
	must(t, 0, "verify", "--project", dir)
	must(t, 0, "job", "logs", "bills", damagedSlot, "--project", dir)
}

func TestJobUnknownObject(t *testing.T) {
	t.Parallel()
	dir := damagedJobs(t)
	unknown := file(t, dir, ".bursar/objects/jobs/bills/zzz", "x")
	if found := bursar(t, "verify", "--project", dir); found.code != 1 || !strings.Contains(found.out, "nothing refers to 1 object: jobs/bills/zzz") {
		t.Errorf("verify: %+v", found)
	}
	must(t, 0, "repair", "--project", dir)
	if _, err := os.Stat(unknown); !os.IsNotExist(err) {
		t.Error(err)
	}
	must(t, 0, "verify", "--project", dir)
}

func TestJobDamagedRecords(t *testing.T) {
	t.Parallel()
	whole := damagedJobs(t)
	for _, c := range []struct {
		key      string
		repaired bool
	}{
		{key: "jobs/state/bills", repaired: true},
		{key: "jobs/running/bills/01795680000/000000", repaired: true},
		{key: "jobs/waiting/bills/0/01795766400/000000", repaired: true},
		{key: "jobs/slot/bills/98204406399/999999", repaired: true},
		{key: "job/bills/work/2026-11-25T08:00:00Z/0/division", repaired: true},
		{key: "job/bills/work/2026-11-25T08:00:00Z/0/outcomes/000000"},
		{key: "job/bills/work/2026-11-25T08:00:00Z/0/partitions/000000"},
	} {
		t.Run(strings.ReplaceAll(c.key, "/", "-"), func(t *testing.T) {
			t.Parallel()
			dir := copyProject(t, whole)
			before := must(t, 0, "job", "slots", "bills", "--json", "--project", dir)
			forget(t, dir, c.key)
			if found := bursar(t, "verify", "--project", dir); found.code != 1 || !strings.Contains(found.out, "jobs") || strings.Contains(found.err, "bug") {
				t.Errorf("verify: %+v", found)
			}
			if !c.repaired {
				must(t, 1, "repair", "--project", dir)
				return
			}
			must(t, 0, "repair", "--project", dir)
			must(t, 0, "verify", "--project", dir)
			after := must(t, 0, "job", "slots", "bills", "--json", "--project", dir)
			if states := regexp.MustCompile(`"state": *"\w+"`); !slices.Equal(states.FindAllString(after.out, -1), states.FindAllString(before.out, -1)) {
				t.Errorf("slots %s; before %s", after.out, before.out)
			}
		})
	}
}
