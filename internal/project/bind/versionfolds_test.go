// Pipelines over streams that keep versions: what they may fold, and errors with file and line.

package bind

import (
	"strings"
	"testing"

	"bursar/internal/project"
	"bursar/internal/project/projecttest"
)

// TestVersionsFolded: folds that would add up versions are rejected, and an order may use their receipt.
func TestVersionsFolded(t *testing.T) {
	t.Parallel()
	const refused = "` would take every version of an event, as stream payments keeps versions (streams/payments.yaml:4): use first, last, min, max or list, " +
		"such as `last` with `by: _received` and the event's id in the key"
	for _, c := range []struct{ fold, want string }{
		{"{count: true}", "pipelines/both.yaml:5: `count" + refused},
		{"{sum: seq}", "pipelines/both.yaml:5: `sum" + refused},
		{"{sum: seq, where: \"currency = 'EUR'\"}", "pipelines/both.yaml:5: `sum" + refused},
		{"{last: seq, by: _received}", ""},
		{"{first: seq, by: [occurred_at, _received]}", ""},
		{"{list: [seq], by: _received, keep: 2}", ""},
		{"{min: seq}", ""},
		{"{max: seq}", ""},
		{"{list: [_received], by: _received}", "pipelines/both.yaml:5: no column `_received` in stream payments"},
		{"{max: _received}", "pipelines/both.yaml:5: `max` does not bind"},
		{"{last: seq, by: occurred_at, where: \"_received > 5\"}", "pipelines/both.yaml:5: `where` does not bind"},
	} {
		got := declared(t, projecttest.VersionsStream, "pipeline: both\nfrom: payments\nkey: order_id\nartifact:\n  paid: "+c.fold+"\n")
		if c.want == "" {
			projecttest.WantErrors(t, got)
			continue
		}
		projecttest.WantErrors(t, got, c.want)
	}
	projecttest.WantErrors(t, declared(t, projecttest.Stream, "pipeline: both\nfrom: payments\nkey: order_id\nartifact:\n  paid: {last: seq, by: _received}\n"),
		"pipelines/both.yaml:5: `_received` orders the versions of events, and stream payments keeps none: declare `versions: keep` there")
}

// TestVersionsReduced: a project's SQL file must mention the column that orders versions.
func TestVersionsReduced(t *testing.T) {
	t.Parallel()
	for column, want := range map[string]string{
		"tag":          "pipelines/both.reduce.sql:1: it takes every version of an event, as stream payments keeps versions (streams/payments.yaml:4): take one of each",
		"tag_Received": "",
	} {
		files := sqlFiles()
		files["streams/payments.yaml"] = projecttest.VersionsStream
		files["pipelines/both.reduce.sql"] = strings.Replace(files["pipelines/both.reduce.sql"], "tag", column, 1)
		p, errs := project.Read(projecttest.Folder(t, files))
		projecttest.WantErrors(t, errs)
		_, errs = Pipeline(t.Context(), p.Pipelines[0], p.Events(p.Pipelines[0]), fakeBinder{})
		if want == "" {
			projecttest.WantErrors(t, errs)
			continue
		}
		projecttest.WantErrors(t, errs, want)
	}
}

func TestVersionsConserved(t *testing.T) {
	t.Parallel()
	got := declared(t, projecttest.VersionsStream, "pipeline: both\nfrom: payments\nkey: [order_id, currency]\nartifact:\n  paid: {last: amount, by: _received}\n"+
		"conserve:\n  amount: paid\n")
	projecttest.WantErrors(t, got, "pipelines/both.yaml:7: total `amount` counts every version of an event that stream payments received (`versions: keep`, streams/payments.yaml:4)")
}

// TestVersionsOfOneOfSeveral: a fold of several streams is rejected if it folds events of one that keeps versions, and receipts are
// compared only within a stream.
func TestVersionsOfOneOfSeveral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ fold, want string }{
		{"{sum: seq}", "pipelines/both.yaml:6: `sum` would take every version of an event, as stream payments keeps versions"},
		{"{count: true, where: \"stream = 'payments'\"}", "pipelines/both.yaml:6: `count` would take"},
		{"{sum: seq, where: \"stream = 'bank'\"}", ""},
		{"{count: true, where: \"stream <> 'payments'\"}", ""},
		{"{last: seq, by: _received}", "pipelines/both.yaml:6: `_received` says where an event was received in its own stream"},
		{"{last: seq, by: [_received, stream]}", "pipelines/both.yaml:6: `_received` says where an event was received in its own stream"},
		{"{last: seq, by: [stream, _received]}", ""},
	} {
		files := bothFiles("pipelines/both.yaml", "{last: amount, by: [seq, stream]}", c.fold)
		files["streams/payments.yaml"] = projecttest.VersionsStream
		p, errs := project.Read(projecttest.Folder(t, files))
		errs = append(errs, Check(t.Context(), p, fakeBinder{})...)
		if c.want == "" {
			projecttest.WantErrors(t, errs)
			continue
		}
		projecttest.WantErrors(t, errs, c.want)
	}
}
