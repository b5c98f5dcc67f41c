// Accounts that a program of another maker reads from a PostgreSQL database: killed in the middle, every row counts once.

package app

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/connector/singer/singertest"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/vault"
)

// cutTap runs the program, and is killed after 700 messages if there is a file cut.
const cutTap = `if [ -e cut ]; then
  rm cut
  %[1]q "$@" | { head -n 700; kill -9 $$; }
else
  exec %[1]q "$@"
fi
`

func TestTapPostgresKilled(t *testing.T) {
	t.Parallel()
	tap := singertest.Tap(t)
	location := postgrestest.Shared(t).Database(t)
	postgrestest.ExecIn(t, location, "CREATE TABLE payments (id bigint PRIMARY KEY, kind text NOT NULL, amount numeric(18,2) NOT NULL)",
		"INSERT INTO payments SELECT i, 'k', i * 1.01 FROM generate_series(1, 2500) i")
	a := openTap(t, tap, location)
	ref := account.Ref{Institution: "pg", Account: "main"}
	if _, err := a.AddAccounts(t.Context(), []account.Account{{Ref: ref, Credentials: map[string]string{"password": "vault:pg_password"}}}); err != nil {
		t.Fatal(err)
	}
	putFile(t, a.Project.Dir, "cut", "")
	mustRefresh(t, a, ref)
	if _, err := os.Stat(filepath.Join(a.Project.Dir, "cut")); !os.IsNotExist(err) {
		t.Errorf("the program was not killed: %v", err)
	}
	checkSums(t, a, 2500, "3157512.50") // 1.01 * 2500 * 2501 / 2
	postgrestest.ExecIn(t, location, "INSERT INTO payments VALUES (2501, 'k', 9007199254740993.25)")
	first, err := a.Accounts().Get(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	putFile(t, a.Project.Dir, "cut", "")
	second := mustRefresh(t, a, ref)
	if first.Cursor == "" || first.Cursor == second.Cursor {
		t.Errorf("the states are %s and then %s", first.Cursor, second.Cursor)
	}
	checkSums(t, a, 2501, "9007199257898505.75")
}

// openTap opens a project whose institution pg is a database, with the catalog that the program discovers.
func openTap(t *testing.T, tap, location string) *App {
	t.Helper()
	config, catalog, password := singertest.Files(t, tap, location)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bursar.yaml": "", "tap.sh": fmt.Sprintf(cutTap, tap), "tap.json": string(config), "catalog.json": string(catalog),
		"streams/payments.yaml": "stream: payments\nformat: jsonl\nid: id\ncolumns: {id: {type: bigint}, kind: {type: string}, amount: {type: \"decimal(18,2)\"}}\ntotals: {amount: {sum: amount}}\n",
		"pipelines/sums.yaml":   "pipeline: sums\nfrom: payments\nkey: kind\nartifact: {rows: {count: true}, amount: {sum: amount}}\nconserve: {amount: amount}\n",
		"institutions/pg.yaml":  "institution: pg\nconnector: {kind: exec, command: [/bin/sh, tap.sh], config: tap.json, catalog: catalog.json, streams: {public-payments: payments}}\nrefresh: {every: never}\n",
	} {
		putFile(t, dir, name, text)
	}
	a := openTest(t, dir)
	v := vault.New(a.Project.Dir, vault.ProcessEnvironment())
	if _, err := v.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Set(t.Context(), "pg_password", []byte(password)); err != nil {
		t.Fatal(err)
	}
	return a
}

// checkSums compares the stored rows with those of the table.
func checkSums(t *testing.T, a *App, rows int, amount string) {
	t.Helper()
	if err := a.liveIntake("payments").Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Run(t.Context(), []string{"sums"}, nil); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"key":"k","artifact":{"rows":%d,"amount":%q}}`+"\n", rows, amount)
	if got := string(exportOf(t, a, "sums")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	checkProof(t, a, "sums")
}
