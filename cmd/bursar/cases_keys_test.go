// Keys that an event may lack: it is in no artifact, and counted, listed and proved instead. Through the command line.

package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// camtOf is a statement of one day with booked credits, each an amount with its reference, which may be empty.
func camtOf(number int, opening string, closing string, entries ...[2]string) string {
	day := fmt.Sprintf("2024-03-%02d", number)
	text := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>M%[1]d</MsgId><CreDtTm>%[2]sT20:00:00</CreDtTm></GrpHdr>
<Stmt><Id>S%[1]d</Id><CreDtTm>%[2]sT20:00:00</CreDtTm><Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%[3]s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%[2]s</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%[4]s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%[2]s</Dt></Dt></Bal>
`, number, day, opening, closing)
	for _, e := range entries {
		reference := ""
		if e[1] != "" {
			reference = "<AcctSvcrRef>" + e[1] + "</AcctSvcrRef>"
		}
		text += fmt.Sprintf("<Ntry><Amt Ccy=\"EUR\">%s</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>%s</Dt></BookgDt>%s</Ntry>\n", e[0], day, reference)
	}
	return text + "</Stmt></BkToCstmrStmt></Document>\n"
}

// Entries are keyed by the bank's reference, which some of them lack.
func TestKeyByBankReference(t *testing.T) {
	t.Parallel()
	testKeyByBankReference(t, 1)
}

// TestSoakKeyByBankReference writes the key in every way.
func TestSoakKeyByBankReference(t *testing.T) {
	onlyInSoak(t)
	t.Parallel()
	testKeyByBankReference(t, math.MaxInt)
}

func testKeyByBankReference(t *testing.T, most int) {
	t.Helper()
	ways := map[string]string{
		"declared": "", "expressions": `key: {payments: [ref, currency], entries: ["coalesce(reference, nullif(text, text))", currency]}`,
		"named": `key: {payments: [{ref: "upper(ref)"}, currency], entries: ["CASE WHEN length(reference) > 0 THEN reference END", currency]}`,
	}
	for _, name := range sampled(seeded(t), slices.Sorted(maps.Keys(ways)), most) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keyByBankReference(t, ways[name])
		})
	}
}

func keyByBankReference(t *testing.T, key string) {
	t.Helper()
	dir := declaredCase(t, "23-")
	if key != "" {
		rewrite(t, dir, "pipelines/m.yaml", "key: {payments: [ref, currency], entries: [reference, currency]}", key)
	}
	must(t, 0, "check", "--project", dir)
	must(t, 0, "ingest", "payments", file(t, dir, "books.jsonl", `{"id":"a","ref":"R-1","amount":"50","currency":"EUR","at":"2024-03-04"}`+"\n"+
		`{"id":"b","ref":"R-2","amount":"20","currency":"EUR","at":"2024-03-04"}`+"\n"), "--project", dir)
	must(t, 0, "import", file(t, dir, "a.xml", camtOf(4, "100.00", "154.00", [2]string{"50.00", "R-1"}, [2]string{"4.00", ""})), "--project", dir)
	run := item(t, value(t, must(t, 0, "run", "--project", dir, "--json")), "runs", 0)
	if run["unkeyed"] != 1.0 || run["events"] != 4.0 || run["balanced"] != true {
		t.Errorf("run says %v", run)
	}
	must(t, 0, "import", file(t, dir, "b.xml", camtOf(5, "154.00", "157.50", [2]string{"3.00", ""}, [2]string{"0.50", ""})), "--project", dir)
	if got := must(t, 0, "run", "--project", dir); !strings.Contains(got.out, "2 events of m have no key and no artifact: bursar unkeyed m") {
		t.Errorf("run says %s", got.out)
	}
	want := `{"key":["R-1","EUR"],"artifact":{"books":"50.00000","bank":"50.00000","status":"matched"}}
{"key":["R-2","EUR"],"artifact":{"books":"20.00000","bank":"0.00000","status":"different"}}
`
	if got := exported(t, dir, "m"); got != want {
		t.Errorf("exported are\n%swant\n%s", got, want)
	}
	wantUnkeyed(t, dir)
	must(t, 0, "rebuild", "m", "--project", dir)
	wantUnkeyed(t, dir)
}

// wantUnkeyed expects the three entries without a reference to be counted, listed and proved.
func wantUnkeyed(t *testing.T, dir string) {
	t.Helper()
	listed := value(t, must(t, 0, "unkeyed", "m", "--project", dir, "--json"))
	entries := object(t, object(t, listed["streams"])["entries"])
	if listed["unkeyed"] != 3.0 || entries["events"] != 3.0 || object(t, object(t, entries["totals"])["amount"])["EUR"] != "7.50000" {
		t.Errorf("unkeyed says %v", listed)
	}
	for i, want := range []string{"4.00000", "3.00000", "0.50000"} {
		e := item(t, listed, "events", i)
		if columns := object(t, e["event"]); columns["amount"] != want || columns["reference"] != nil || e["stream"] != "entries" || e["time"] != columns["day"] ||
			!strings.HasSuffix(fmt.Sprint(e["file"]), ".xml") || e["place"] == "" || e["id"] == "" || e["batch"] == nil {
			t.Errorf("event %d is %v, want one of %s", i, e, want)
		}
	}
	if got := must(t, 0, "unkeyed", "m", "--limit", "2", "--project", dir); strings.Count(got.out, ".xml") != 2 || !strings.Contains(got.out, "1 more") ||
		!strings.Contains(got.out, "3 events of m have no key") {
		t.Errorf("unkeyed says %s", got.out)
	}
	if got := must(t, 0, "status", "--project", dir); !strings.Contains(got.out, "3 events of m have no key") {
		t.Errorf("status says %s", got.out)
	}
	if got := item(t, value(t, must(t, 0, "status", "--project", dir, "--json")), "pipelines", 0); got["unkeyed"] != 3.0 {
		t.Errorf("status says %v", got)
	}
	if got := must(t, 0, "verify", "m", "--project", dir); !strings.Contains(got.out, "3 events without a key") {
		t.Errorf("verify says %s", got.out)
	}
	must(t, 0, "trace", "m", "R-1", "EUR", "--project", dir)
}

// Keys follow the rules of all expressions; violations are refused with file and line.
func TestKeysThatCheckRefuses(t *testing.T) {
	t.Parallel()
	dir := declaredCase(t, "23-")
	const old = "key: {payments: [ref, currency], entries: [reference, currency]}"
	for _, c := range []struct{ key, want string }{
		{old, ""},
		{`key: {payments: ref, entries: "coalesce(reference, own_reference)"}`, ""},
		{`key: {payments: "md5(left(ref, 10))", entries: reference}`, ""},
		{`key: [{month: "substr(strftime(coalesce(\"at\", day), '%Y-%m'), 1, 7)"}, currency]`, "does not bind: unknown column \"day\""},
		{`key: {payments: [{month: "strftime(\"at\", '%Y-%m')"}, currency], entries: ["strftime(day, '%Y-%m')", currency]}`, ""},
		{`key: [{kind: "'one'"}, currency]`, ""},
		{`key: {payments: amount, entries: "amount * 2"}`, ""},
		{`key: {payments: at, entries: value_day}`, ""},
		{`key: {payments: "\"at\" IS NULL", entries: reversal}`, ""},
		{`key: {payments: ref, entries: "max(reference)"}`, "key expression `max(reference)` does not bind"},
		{`key: {payments: ref, entries: "(SELECT 'x')"}`, "does not bind: a subquery is not allowed"},
		{`key: {payments: ref, entries: "reference || now()"}`, "does not bind: function now() is refused"},
		{`key: {payments: amount, entries: "amount / 2"}`, "does not bind"},
		{`key: {payments: at, entries: "CAST(reference AS DATE)"}`, "does not bind"},
		{`key: {payments: ref, entries: "file || place"}`, "unknown column \"file\""},
		{`key: {payments: ref, entries: file}`, "`key` column `file` says where an event was read from"},
		{`key: {payments: ref, entries: "[reference]"}`, "key expression `[reference]`"},
		{`key: {payments: ref, entries: "operations + 1"}`, "key column `ref` must have one type"},
		{`key: {payments: "upper(ref)", entries: "upper(reference)"}`, "no stream's column gives it a name"},
		{`key: {ref: "coalesce(ref, id)"}`, "name an expression as in [{ref: \"…\"}]"},
	} {
		rewrite(t, dir, "pipelines/m.yaml", old, c.key)
		// Sums of several currencies may be asked for: what is checked is the key.
		rewrite(t, dir, "pipelines/m.yaml", "sum: amount, where: \"stream = 'payments'\"", "sum: amount, mixed: ok, where: \"stream = 'payments'\"")
		rewrite(t, dir, "pipelines/m.yaml", "sum: amount, where: \"stream = 'entries'", "sum: amount, mixed: ok, where: \"stream = 'entries'")
		code := 0
		if c.want != "" {
			code = 2
		}
		if got := must(t, code, "check", "--project", dir); !strings.Contains(got.out, c.want) || code == 2 && !strings.Contains(got.out, "pipelines/m.yaml:4: ") {
			t.Errorf("%s: check says %s", c.key, got.out)
		}
		rewrite(t, dir, "pipelines/m.yaml", c.key, old)
		rewrite(t, dir, "pipelines/m.yaml", "mixed: ok, where: \"stream = 'payments'", "where: \"stream = 'payments'")
		rewrite(t, dir, "pipelines/m.yaml", "mixed: ok, where: \"stream = 'entries'", "where: \"stream = 'entries'")
	}
}
