// Declarations that would silently give zeros or mixed sums: which are rejected, and how to fix them.

package bind

import (
	"strings"
	"testing"

	"bursar/internal/project"
	"bursar/internal/project/doc"
	"bursar/internal/project/projecttest"
)

func TestSumsThatMix(t *testing.T) {
	t.Parallel()
	const refused = "pipelines/both.yaml:6: `sum` adds up amounts of every currency, which total `amount` of stream payments keeps apart (`by: currency`, streams/payments.yaml:17): " +
		"add currency to the key, take one value of it (`where: \"currency = 'EUR'\"`), or write `mixed: ok` beside the sum if they may be added up"
	for _, c := range []struct{ key, fold, want string }{
		{"order_id", "{sum: amount}", refused},
		{"order_id", "{sum: \"amount * 2\"}", refused},
		{"order_id", "{sum: net}", refused},
		{"order_id", "{sum: amount, where: \"currency <> 'EUR'\"}", refused},
		{"order_id", "{sum: amount, where: \"currency = 'EUR' OR type = 'payment'\"}", refused},
		{"order_id", "{sum: amount, where: \"type = 'payment'\"}", refused},
		{"[order_id, currency]", "{sum: amount}", ""},
		{"event_id", "{sum: amount}", ""}, // one event a key
		{"order_id", "{sum: amount, where: \"currency = 'EUR' AND type = 'payment'\"}", ""},
		{"order_id", "{sum: amount, mixed: ok}", ""},
		{"order_id", "{sum: seq}", ""},
		{"order_id", "{max: amount}", ""},
		{"order_id", "{max: amount, mixed: ok}", "pipelines/both.yaml:6: `mixed` belongs to sum only"},
		{"order_id", "{sum: amount, mixed: yes}", "pipelines/both.yaml:6: `mixed` can only be ok"},
	} {
		stream := strings.Replace(projecttest.Stream, "  raw: {type: json}\n", "  raw: {type: json}\n  net: {type: \"decimal(18,2)\", is: \"amount * 2\"}\n", 1)
		stream = strings.Replace(stream, "  big: {type: bigint}\n", "", 1)
		got := declared(t, stream, "pipeline: both\nfrom: payments\nkey: "+c.key+"\nartifact:\n  n: {count: true}\n  paid: "+c.fold+"\n")
		if c.want == "" {
			projecttest.WantErrors(t, got)
			continue
		}
		projecttest.WantErrors(t, got, c.want)
		if !strings.Contains(c.want, "`mixed` ") && !got[0].Stored {
			t.Errorf("%s: a project that holds results of it cannot be opened", c.fold)
		}
	}
}

// TestSumsThatMixOfSeveralStreams: a sum over several streams is checked against those whose events match its condition.
func TestSumsThatMixOfSeveralStreams(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]string{
		"":                              "pipelines/both.yaml:6: `sum` adds up amounts of every currency, which total `amount` of stream payments",
		"stream = 'payments'":           "pipelines/both.yaml:6: `sum` adds up amounts of every currency, which total `amount` of stream payments",
		"stream = 'bank'":               "", // its total is declared without a group
		"stream <> 'payments'":          "",
		"currency = 'EUR'":              "",
		"stream = 'bank' OR seq = 'no'": "pipelines/both.yaml:6: `sum` adds up",
	} {
		fold := "{sum: amount, where: \"" + where + "\"}"
		if where == "" {
			fold = "{sum: amount}"
		}
		p, errs := project.Read(projecttest.Folder(t, bothFiles("pipelines/both.yaml", "{last: amount, by: [seq, stream]}", fold)))
		errs = append(errs, Check(t.Context(), p, fakeBinder{})...)
		if want == "" {
			projecttest.WantErrors(t, errs)
			continue
		}
		projecttest.WantErrors(t, errs, want)
	}
}

// TestSQLThatMixes: an SQL file that reads a measure must read its group too, or declare that it need not.
func TestSQLThatMixes(t *testing.T) {
	t.Parallel()
	const refused = "pipelines/both.yaml:4: `reduce` reads amounts and not their currency, which total `amount` of stream payments keeps apart"
	for _, c := range []struct{ sql, mixed, want string }{
		{"order_id string,\nsum(amount) paid decimal(38,2)", "", refused},
		{"order_id string, -- of each currency\nsum(amount) paid decimal(38,2)", "", refused},
		{"order_id string, 'currency' tag string, sum(amount) paid decimal(38,2)", "", refused},
		{"order_id string, sum(amount) FILTER (WHERE currency = 'EUR') paid decimal(38,2)", "", ""},
		{"order_id string, sum(amount) paid decimal(38,2)", "mixed: ok\n", ""},
		{"order_id string, sum(amount) paid decimal(38,2)", "mixed: yes\n", "pipelines/both.yaml:4: `mixed` can only be ok"},
		{"order_id string, count(*) paid decimal(38,2)", "", ""},
	} {
		files := sqlFiles("pipelines/both.yaml", "reduce:", c.mixed+"reduce:")
		files["pipelines/both.reduce.sql"] = "SELECT " + c.sql
		p, errs := project.Read(projecttest.Folder(t, files))
		src := newBinding(t.Context(), "pipelines/both.yaml", p.Pipelines[0].Lines(), fakeBinder{})
		src.checkMixedSQL(p.Pipelines[0], p.Events(p.Pipelines[0]))
		if errs = append(errs, src.Errs...); c.want == "" {
			projecttest.WantErrors(t, errs)
			continue
		}
		projecttest.WantErrors(t, errs, c.want)
	}
	_, errs := project.Read(projecttest.Folder(t, bothFiles("pipelines/both.yaml", "artifact:", "mixed: ok\nartifact:")))
	projecttest.WantErrors(t, errs, "pipelines/both.yaml:4: `mixed` belongs to pipelines with SQL files")
}

func TestLiteralsThatNoEventHas(t *testing.T) {
	t.Parallel()
	const of = "which it never is: `in` (streams/payments.yaml:7) has shipment, payment"
	for fold, want := range map[string]string{
		"{count: true, where: \"type = 'paymant'\"}":               "6: `where` compares `type` with 'paymant', " + of + "; did you mean `payment`?",
		"{count: true, where: \"type <> 'refund'\"}":               "6: `where` compares `type` with 'refund', " + of,
		"{count: true, where: \"note = 'x' OR type = 'Payment'\"}": "6: `where` compares `type` with 'Payment', " + of + "; did you mean `payment`?",
		"{sum: \"CASE WHEN type = 'x' THEN seq END::bigint\"}":     "6: `sum` compares `type` with 'x', " + of,
		"{is: \"CASE WHEN last = 'x' THEN n END\"}":                "6: `is` compares `last` with 'x', " + of,
		"{count: true, where: \"type = 'payment'\"}":               "",
		"{count: true, where: \"note = 'anything'\"}":              "",
	} {
		got := declared(t, projecttest.Stream, "pipeline: both\nfrom: payments\nkey: order_id\nartifact:\n  n: {count: true}\n  x: "+fold+"\n  last: {last: type, by: seq}\n")
		if want == "" {
			projecttest.WantErrors(t, got)
			continue
		}
		projecttest.WantErrors(t, got, "pipelines/both.yaml:"+want)
	}
	stream := strings.Replace(projecttest.Stream, "all: {sum: amount}", "all: {sum: amount, where: \"type = 'refund'\"}", 1)
	projecttest.WantErrors(t, declared(t, stream, ""), "streams/payments.yaml:18: `where` compares `type` with 'refund', "+of)
	exceptions := projecttest.Pipeline + "  all: \"shipped\"\n"
	exceptions = strings.Replace(exceptions, "balance = 0\"", "balance = 0 AND kind = 'x'\"", 1)
	exceptions = strings.Replace(exceptions, "  n: {count: true}\n", "  kind: {last: type, by: seq}\n", 1)
	exceptions = strings.Replace(strings.Replace(exceptions, "  all: \"shipped\"\n", "", 1), "pipeline: orders", "pipeline: both", 1)
	projecttest.WantErrors(t, declared(t, projecttest.Stream, exceptions), "pipelines/both.yaml:9: `where` compares `kind` with 'x', "+of)
}

func TestStreamsThatNoEventIsOf(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]string{
		"stream = 'bnak'":                          "`where` compares `stream` with 'bnak', which it never is: `from` has payments, bank; did you mean `bank`?",
		"stream = 'payments' AND type = 'payment'": "",
	} {
		p, errs := project.Read(projecttest.Folder(t, bothFiles("pipelines/both.yaml", "stream = 'bank'", where)))
		errs = append(errs, Check(t.Context(), p, fakeBinder{})...)
		if want == "" {
			projecttest.WantErrors(t, errs)
			continue
		}
		projecttest.WantErrors(t, errs, "pipelines/both.yaml:5: "+want)
	}
}

// declared reads and checks a project of one stream and at most one pipeline.
func declared(t *testing.T, stream, pipeline string) []doc.Error {
	t.Helper()
	files := map[string]string{"streams/payments.yaml": stream}
	if pipeline != "" {
		files["pipelines/both.yaml"] = pipeline
	}
	p, errs := project.Read(projecttest.Folder(t, files))
	return append(errs, Check(t.Context(), p, fakeBinder{})...)
}
