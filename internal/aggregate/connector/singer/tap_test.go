// A test with a program of another maker, which reads a PostgreSQL database.

package singer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bursar/internal/aggregate/connector/singer/singertest"
	"bursar/internal/postgres/postgrestest"
	"bursar/internal/vault"
)

// TestTapPostgres: amounts keep their digits, and the second fetch goes on from the state of the first one. It repeats the last row.
func TestTapPostgres(t *testing.T) {
	t.Parallel()
	tap := singertest.Tap(t)
	server := postgrestest.Shared(t)
	location := server.Database(t)
	postgrestest.ExecIn(t, location, "CREATE TABLE payments (id bigint PRIMARY KEY, amount numeric(18,2) NOT NULL, made date NOT NULL)",
		"INSERT INTO payments SELECT i, i * 1.01, '2026-01-01' FROM generate_series(1, 2500) i")
	f := newTap(t, tap, location)
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	amounts, states := f.payments()
	if len(amounts) != 2500 || amounts["2500"] != "2525.00" || amounts["7"] != "7.07" || len(states) == 0 {
		t.Fatalf("%d records, states %v", len(amounts), states)
	}
	postgrestest.ExecIn(t, location, "INSERT INTO payments VALUES (2501, 9007199254740993.25, '2026-01-02')")
	f.cursor, f.calls = states[len(states)-1], nil
	if err := f.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if amounts, _ := f.payments(); len(amounts) != 2 || amounts["2500"] != "2525.00" || amounts["2501"] != "9007199254740993.25" {
		t.Errorf("the second fetch has %v", amounts)
	}
	f.credentials["password"] = vault.NewSecret("the wrong canary")
	if err := f.run(t.Context()); err == nil || !strings.Contains(err.Error(), "password authentication failed") || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

// payments returns the amounts of delivered records by id, as they are written, and the states.
func (f *fetch) payments() (amounts map[string]string, states []string) {
	amounts = map[string]string{}
	for _, call := range f.calls {
		stream, content, _ := strings.Cut(call, ": ")
		if stream == "state" {
			states = append(states, content)
			continue
		}
		for line := range strings.Lines(content) {
			var record struct{ ID, Amount json.RawMessage }
			if err := json.Unmarshal([]byte(line), &record); err != nil || stream != "public-payments" {
				f.t.Fatalf("%s of %s: %v", line, stream, err)
			}
			amounts[string(record.ID)] = string(record.Amount)
		}
	}
	return amounts, states
}

// newTap returns a fetch by the program with a catalog in which payments are read from the last id on.
func newTap(t *testing.T, tap, location string) *fetch {
	t.Helper()
	config, catalog, password := singertest.Files(t, tap, location)
	f := newFetch(t, "")
	for name, text := range map[string][]byte{"tap.json": config, "catalog.json": catalog} {
		if err := os.WriteFile(filepath.Join(f.folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.settings = map[string]string{"command": `["` + tap + `"]`, "config": "tap.json", "catalog": "catalog.json"}
	f.credentials["password"] = vault.NewSecret(password)
	return f
}
