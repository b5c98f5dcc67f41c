// Creating and updating the databases of a Temporal server, on PostgreSQL.

package schema

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/postgres/postgrestest"
)

func update(t *testing.T, url string, d Database, dryRun bool) Change {
	t.Helper()
	c, err := Update(t.Context(), url, d, dryRun)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	for d, tables := range map[Database]int64{Temporal: 30, Visibility: 2} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			url := postgrestest.URL(t)
			const count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
			if c := update(t, url, d, true); c.From != "" || c.To != latest(d) || postgrestest.Number(t, url, count) != 0 {
				t.Errorf("a dry run: %+v, and there are tables", c)
			}
			if c := update(t, url, d, false); c.From != "" || c.To != latest(d) || c.Name == "" {
				t.Errorf("the first: %+v", c)
			}
			made := postgrestest.Number(t, url, count)
			if made < tables {
				t.Errorf("%d tables", made)
			}
			if c := update(t, url, d, false); c.From != c.To || postgrestest.Number(t, url, count) != made {
				t.Errorf("again: %+v", c)
			}
			versions, err := newer(d, "")
			if err != nil {
				t.Fatal(err)
			}
			if got := postgrestest.Number(t, url, "SELECT count(*) FROM schema_update_history"); got != int64(len(versions)) {
				t.Errorf("%d entries in the history for %d versions", got, len(versions))
			}
		})
	}
}

// TestUpdateOld updates a database of an older version, a part of whose update Temporal's own tool has made before it was killed.
func TestUpdateOld(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	update(t, url, Temporal, false)
	postgrestest.ExecIn(t, url, "UPDATE schema_version SET curr_version = '1.17'", "DROP TABLE task_queues_v2")
	if c := update(t, url, Temporal, true); c.From != "1.17" || c.To != "1.18" {
		t.Errorf("a dry run: %+v", c)
	}
	if c := update(t, url, Temporal, false); c.From != "1.17" || c.To != "1.18" {
		t.Errorf("updated: %+v", c)
	}
	if postgrestest.Number(t, url, "SELECT count(*) FROM pg_tables WHERE tablename = 'task_queues_v2'") != 1 {
		t.Error("the missing table is not there")
	}
}

func TestUpdateRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before []string
		first  Database
		then   Database
		want   string
	}{
		"newer":           {[]string{"UPDATE schema_version SET curr_version = '1.100'"}, Temporal, Temporal, "has version 1.100, which is newer than 1.18: use a newer bursar"},
		"the other":       {nil, Temporal, Visibility, "is the temporal database of a server: give each of both a database of its own"},
		"the other way":   {nil, Visibility, Temporal, "is the visibility database of a server"},
		"without version": {[]string{"DROP TABLE schema_version"}, Temporal, Temporal, "has tables of a server, but no version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := postgrestest.URL(t)
			update(t, url, tt.first, false)
			postgrestest.ExecIn(t, url, tt.before...)
			_, err := Update(t.Context(), url, tt.then, false)
			if err == nil || !strings.Contains(err.Error(), tt.want) || failure.Of(err) != failure.Data {
				t.Errorf("%v [%v], want %s", err, failure.Of(err), tt.want)
			}
		})
	}
}

// TestUpdateIsAtomic lets an update fail in the middle: nothing of it remains.
func TestUpdateIsAtomic(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	postgrestest.ExecIn(t, url, "CREATE VIEW history_node AS SELECT 1 AS x") // which cannot get a column
	if _, err := Update(t.Context(), url, Temporal, false); err == nil || !strings.Contains(err.Error(), "version 1.5: ") {
		t.Fatalf("%v, want an error in the middle", err)
	}
	if n := postgrestest.Number(t, url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); n != 0 {
		t.Errorf("%d tables remain", n)
	}
}

// TestUpdateAtOnce runs several updates at once: one makes the tables, and the others find them.
func TestUpdateAtOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	var all sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		all.Go(func() { _, errs[i] = Update(t.Context(), url, Visibility, false) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	query := fmt.Sprintf("SELECT count(*) FROM schema_version WHERE curr_version = '%s'", latest(Visibility))
	if postgrestest.Number(t, url, query) != 1 {
		t.Error("there is not one version")
	}
}
