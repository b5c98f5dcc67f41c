// Tests with clients that others wrote: ofxget of ofxtools for OFX, and simplefin4py for SimpleFIN.

package bank

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

const clientsList = "../../../.tools/clients.txt"

// installClients returns a folder of programs with what .tools/clients.txt pins, which is installed once for each machine and kept in its cache.
var installClients = sync.OnceValues(func() (string, error) {
	wanted, err := os.ReadFile(clientsList)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	venv := filepath.Join(cache, "bursar-test-tools", "clients")
	if err := os.MkdirAll(filepath.Dir(venv), 0o755); err != nil {
		return "", err
	}
	lock := flock.New(venv + ".lock") // tests of another process may install them at this time
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Close()
	programs, installed := filepath.Join(venv, "bin"), filepath.Join(venv, "installed.txt")
	if have, err := os.ReadFile(installed); err == nil && bytes.Equal(have, wanted) {
		return programs, nil
	}
	for _, command := range [][]string{
		{"python3", "-m", "venv", "--clear", venv},
		{filepath.Join(programs, "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", clientsList},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w: %s", command, err, out)
		}
	}
	return programs, os.WriteFile(installed, wanted, 0o644)
})

// foreign runs programs of other makers, with an empty home and the institution's authority as the only one.
type foreign struct {
	programs, home, authority string
}

func newForeign(t *testing.T, b *Bank) foreign {
	t.Helper()
	if testing.Short() {
		t.Skip("other clients are slow to start, and the same without -short")
	}
	programs, err := installClients()
	if err != nil {
		t.Skipf("ofxtools and simplefin4py, the other clients of this test, cannot be installed: %v", err)
	}
	f := foreign{programs, t.TempDir(), filepath.Join(t.TempDir(), "authority.pem")}
	if err := os.WriteFile(f.authority, b.RootCA(), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f foreign) run(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(f.programs, program), args...)
	command.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return len(v) > 4 && v[:4] == "XDG_" }),
		"HOME="+f.home, "SSL_CERT_FILE="+f.authority, "PYTHONUTF8=1")
	var fault bytes.Buffer
	command.Stderr = &fault
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", program, args, err, &fault)
	}
	return out
}

// foreignAnswer is what the scripts print.
type foreignAnswer struct {
	URL      string
	Status   int
	Errors   []string
	Accounts []string

	Institution string
	Statements  []struct {
		Account, Currency, Booked, Available, Due string
		Entries, Parties                          []string
	}
}

// read runs a script that prints a line for each answer.
func (f foreign) read(t *testing.T, script string, args ...string) (answers []foreignAnswer) {
	t.Helper()
	lines := json.NewDecoder(bytes.NewReader(f.run(t, "python3", append([]string{filepath.Join("testdata", script)}, args...)...)))
	for lines.More() {
		var a foreignAnswer
		if err := lines.Decode(&a); err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		answers = append(answers, a)
	}
	return answers
}

// check compares statements of all accounts with the truth.
func (a *foreignAnswer) check(t *testing.T, b *Bank) {
	t.Helper()
	if len(a.Statements) != len(b.Accounts()) {
		t.Fatalf("%d statements of %d accounts", len(a.Statements), len(b.Accounts()))
	}
	for _, s := range a.Statements {
		truth := b.Truth(s.Account)
		equal(t, s.Account, s.Entries, truth.entries())
		if s.Booked != amount(truth.Booked) || s.Available != amount(truth.Available) || s.Currency != truth.Currency {
			t.Errorf("account %s: booked %s, available %s %s, want %+v", s.Account, s.Booked, s.Available, s.Currency, truth)
		}
	}
}

func TestOfxgetReadsTheTruth(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"102", "220"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{Seed: 30, Accounts: 6, PerUser: 6})
			f, account := newForeign(t, b), b.Accounts()[0]
			connection := []string{"--url", b.URL(OFX), "--version", version, "--user", account.User, "--password", account.Password, "--org", organization, "--fid", financialID}
			if version == "102" {
				connection = append(connection, "--unclosedelements")
			}
			var files []string
			for _, request := range [][]string{{"prof"}, {"acctinfo"}, {"stmt", "--all"}} {
				file := filepath.Join(t.TempDir(), request[0]+".ofx")
				files = append(files, file)
				if err := os.WriteFile(file, f.run(t, "ofxget", slices.Concat(request, connection)...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			answers := f.read(t, "read_ofx.py", files...)
			if answers[0].Status != 0 || answers[0].Institution != "Bank of Seeds" {
				t.Errorf("profile: %+v", answers[0])
			}
			var ids []string
			for _, a := range b.Accounts() {
				ids = append(ids, a.ID)
			}
			equal(t, "accounts", answers[1].Accounts, ids)
			statements := answers[2]
			statements.check(t, b)
			for _, s := range statements.Statements {
				if due := b.Truth(s.Account).Due; s.Due != "" && s.Due != amount(due) {
					t.Errorf("account %s: due %s, want %d", s.Account, s.Due, due)
				}
				if slices.ContainsFunc(s.Parties, func(p string) bool { return !slices.Contains(parties[:], p) }) {
					t.Errorf("account %s: names %q", s.Account, s.Parties)
				}
			}
		})
	}
}

func TestSimplefin4pyReadsTheTruth(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Seed: 31, Accounts: 4, PerUser: 4})
	f, account := newForeign(t, b), b.Accounts()[0]
	token := b.SetupToken(account.ID)
	answer := f.read(t, "read_simplefin.py", token)[0]
	if answer.URL != account.AccessURL || len(answer.Errors) != 0 {
		t.Errorf("access URL %s, errors %v", answer.URL, answer.Errors)
	}
	answer.check(t, b)
	if r := b.Report(); r.ByProtocol[SimpleFIN] != 2 {
		t.Errorf("report: %+v", r)
	}
	if status, _ := simpleFIN(t, b.client(t), answer.URL, ""); status != http.StatusOK {
		t.Errorf("status %d with the claimed URL", status)
	}
}
