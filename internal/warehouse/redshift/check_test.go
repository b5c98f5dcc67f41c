// Tests of checking a database, and of the errors of opening one.

package redshift_test

import (
	"strings"
	"testing"

	"bursar/internal/failure"
	"bursar/internal/object"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/warehouse/redshift"
	"bursar/internal/warehouse/redshift/redshifttest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	server := redshifttest.Start(t, object.NewFolder(t.TempDir()))
	report, err := redshift.Check(t.Context(), redshift.Config{URL: server.URL(), Schema: "books"})
	if err != nil || report.Version != "Redshift 1.0.12103" || report.Schema != "books" || report.Server == "" || report.Database == "" || report.RoundTrip == 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if n := postgrestest.Number(t, server.URL(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'books'"); n > 0 {
		t.Error("the check has created the schema")
	}
	report, err = redshift.Check(t.Context(), redshift.Config{URL: postgrestest.URL(t)})
	if failure.Of(err) != failure.Data || !strings.Contains(err.Error(), "the server is not Redshift") {
		t.Errorf("of PostgreSQL: %+v, %v", report, err)
	}
}

// TestErrors checks that the errors of connecting have a class and contain no password.
func TestErrors(t *testing.T) {
	t.Parallel()
	const secret = "unguessable-1"
	for url, want := range map[string]failure.Class{
		"postgres://bursar:" + secret + "@" + secret + "/x@127.0.0.1/db": failure.Data,
		"password=" + secret + " host":                                   failure.Data,
		"postgres://bursar:" + secret + "@127.0.0.1:1/db":                failure.Transient,
	} {
		_, err := redshift.Check(t.Context(), redshift.Config{URL: url})
		if failure.Of(err) != want || strings.Contains(err.Error(), secret) {
			t.Errorf("check: class %v: %v", failure.Of(err), err)
		}
		if want == failure.Transient {
			continue // opening is repeated for a while
		}
		if _, err := redshift.Open(t.Context(), redshift.Config{URL: url}); failure.Of(err) != want || strings.Contains(err.Error(), secret) {
			t.Errorf("open: class %v: %v", failure.Of(err), err)
		}
	}
}
