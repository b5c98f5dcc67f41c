// Fixtures of the statement tests: projects, recorded files, and the accounts as `bursar completeness` reports them.

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/completeness"
)

// recorded returns a folder of recorded files; the test is skipped if it does not exist.
func recorded(t *testing.T, folder string) string {
	t.Helper()
	data := os.Getenv("BURSAR_DATA")
	if data == "" {
		t.Skipf("BURSAR_DATA is not set: it names the folder of sample data, with %s/ in it", folder)
	}
	path := filepath.Join(data, folder)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s/ in the sample data", folder)
	}
	return path
}

// seeded returns a source of random numbers. Its seed is logged, or set by SEED.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// bankProject makes the project of the statements example.
func bankProject(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bank")
	must(t, 0, "init", dir, "--example", "statements")
	return dir
}

// declare writes an institution of these accounts and calendar into the project, or removes it when there is no calendar.
func declare(t *testing.T, dir, calendar string, accounts ...string) {
	t.Helper()
	path := filepath.Join(dir, "institutions", "declared.yaml")
	if calendar == "" {
		_ = os.Remove(path) // it need not be there
		return
	}
	file(t, dir, "institutions/declared.yaml", fmt.Sprintf("institution: declared\naccounts: [%s]\nstatements: %s\n", strings.Join(accounts, ", "), calendar))
}

// imports imports files and returns the output.
func imports(t *testing.T, code int, dir string, files ...string) map[string]any {
	t.Helper()
	return value(t, must(t, code, append([]string{"import", "--project", dir, "--json"}, files...)...))
}

// accountsOf returns the output of completeness by account number; code is its exit code.
func accountsOf(t *testing.T, code int, dir string) map[string]completeness.Account {
	t.Helper()
	got := must(t, code, "completeness", "--project", dir, "--json")
	var v struct{ Accounts []completeness.Account }
	if err := json.Unmarshal([]byte(got.out), &v); err != nil {
		t.Fatalf("%v in %s", err, got.out)
	}
	accounts := map[string]completeness.Account{}
	for _, a := range v.Accounts {
		accounts[a.Account] = a
	}
	return accounts
}
