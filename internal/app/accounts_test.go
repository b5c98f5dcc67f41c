// Accounts that are fetched from a simulated institution, by each of its protocols: balances, transactions and verdicts are those of its books.

package app

import (
	"fmt"
	"maps"
	"math/big"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/project"
	"bursar/internal/tools/bank"
	"bursar/internal/vault"
)

// openBank starts an institution, and opens a project that knows it by each protocol: the names of the institutions are those of the protocols.
func openBank(t *testing.T, o bank.Options) (*App, *bank.Bank) {
	t.Helper()
	return openBankWith(t, o, 31, nil)
}

// openBankWith is openBank with other files in the project, and a number of days that one request asks for.
func openBankWith(t *testing.T, o bank.Options, days int, more map[string]string) (*App, *bank.Bank) {
	t.Helper()
	b, err := bank.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	files := map[string]string{"bursar.yaml": "", "bank.pem": string(b.RootCA())}
	for name, settings := range map[string]string{
		"ofx":       fmt.Sprintf("url: %q, bank_id: %q, days: %d", b.URL(bank.OFX), bankIDOf(b), days),
		"simplefin": fmt.Sprintf("days: %d", days),
		"cursor":    fmt.Sprintf("url: %q, count: 3", b.URL(bank.Cursor)),
	} {
		files["institutions/"+name+".yaml"] = fmt.Sprintf("institution: %s\nconnector: {kind: %[1]s, ca: bank.pem, %s}\n"+
			"limits: {requests: 100000, per: 1m, sessions: 8, account_day: 1000}\nbreaker: {failures: 3, wait: 1s, longest: 2s}\n", name, settings)
	}
	maps.Copy(files, more)
	dir := t.TempDir()
	for name, text := range files {
		putFile(t, dir, name, text)
	}
	a := openTest(t, dir)
	a.refresher().Now, a.refresher().Accounts.Now = b.Now, b.Now
	v := vault.New(a.Project.Dir, vault.ProcessEnvironment())
	if _, err := v.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, one := range b.Accounts() {
		setSecrets(t, a, i, one)
	}
	return a, b
}

// bankIDOf is the routing number of an institution. Cards have none.
func bankIDOf(b *bank.Bank) string {
	for _, one := range b.Accounts() {
		if one.BankID != "" {
			return one.BankID
		}
	}
	return "0"
}

// setSecrets puts the credentials of an account into the vault.
func setSecrets(t *testing.T, a *App, i int, one bank.Account) {
	t.Helper()
	v := vault.New(a.Project.Dir, vault.ProcessEnvironment())
	for name, value := range map[string]string{
		"user": one.User, "password": one.Password, "access_url": one.AccessURL, "access_token": one.AccessToken, "client_id": one.ClientID, "secret": one.Secret,
	} {
		if _, _, err := v.Set(t.Context(), fmt.Sprintf("%s_%d", name, i), []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
}

// credentialsOf names the secrets of an account for a protocol.
func credentialsOf(protocol string, i int) map[string]string {
	names := map[string][]string{"ofx": {"user", "password"}, "simplefin": {"access_url"}, "cursor": {"access_token", "client_id", "secret"}}[protocol]
	references := map[string]string{}
	for _, name := range names {
		references[name] = fmt.Sprintf("vault:%s_%d", name, i)
	}
	return references
}

// idOf is the id by which a protocol fetches an account.
func idOf(protocol string, one bank.Account) string {
	if protocol != "ofx" {
		return one.ID
	}
	return map[string]string{"CHECKING": "checking:", "SAVINGS": "savings:", "CREDITCARD": "card:"}[one.Type] + one.ID
}

func addBankAccounts(t *testing.T, a *App, b *bank.Bank, protocol string) (refs []account.Ref) {
	t.Helper()
	var list []account.Account
	for i, one := range b.Accounts() {
		list = append(list, account.Account{
			Ref: account.Ref{Institution: protocol, Account: idOf(protocol, one)}, Currency: one.Currency, Credentials: credentialsOf(protocol, i),
		})
	}
	refs, err := a.AddAccounts(t.Context(), list)
	if err != nil || len(refs) != len(list) {
		t.Fatal(refs, err)
	}
	return refs
}

func mustRefresh(t *testing.T, a *App, ref account.Ref) *account.Account {
	t.Helper()
	one, _, err := a.RefreshAccount(t.Context(), ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	if one.Outcome != account.Complete {
		t.Fatalf("%s: %s: %s", ref, one.Outcome, one.Reason)
	}
	return one
}

// centsOf reads an exact amount as cents.
func centsOf(t *testing.T, text string) int64 {
	t.Helper()
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is not an amount", text)
	}
	n.Mul(n, big.NewRat(100, 1))
	if !n.IsInt() {
		t.Fatalf("%q has more than two decimals", text)
	}
	return n.Num().Int64()
}

// checkTruth compares an account with the books of its institution.
func checkTruth(t *testing.T, a *App, one *account.Account, truth bank.Truth) {
	t.Helper()
	s := one.Standing
	if s == nil {
		t.Errorf("%s has no balance", one.Ref)
		return
	}
	if s.Balance == "" {
		t.Errorf("%s: %+v", one.Ref, *s)
		return
	}
	if centsOf(t, s.Balance) != truth.Booked {
		t.Errorf("%s: the balance is %s, in the books %d cents", one.Ref, s.Balance, truth.Booked)
	}
	entries, _, err := a.Transactions(t.Context(), one.Ref)
	if err != nil {
		t.Fatal(err)
	}
	var posted int64
	count := 0
	for _, e := range entries {
		if e.Status == ledger.Posted {
			posted += centsOf(t, e.Amount)
			count++
		}
	}
	var want int64
	for _, e := range truth.Posted {
		want += e.Cents
	}
	if count != len(truth.Posted) || posted != want {
		t.Errorf("%s: %d transactions of %d cents, in the books %d of %d", one.Ref, count, posted, len(truth.Posted), want)
	}
}

func TestAccountsOfEachProtocol(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"ofx", "simplefin", "cursor"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			a, b := openBank(t, bank.Options{Seed: 7, Accounts: 3})
			refs := addBankAccounts(t, a, b, protocol)
			for round := range 3 {
				for i, ref := range refs {
					one := mustRefresh(t, a, ref)
					checkTruth(t, a, one, b.Truth(b.Accounts()[i].ID))
					if want := map[bool]string{true: "CLAIMED", false: "PROVEN"}[round == 0]; one.Standing != nil && one.Standing.Verdict != want {
						t.Errorf("round %d: %s is %s: %s", round, ref, one.Standing.Verdict, one.Standing.Reason)
					}
				}
				b.Advance(36 * time.Hour)
			}
			if protocol == "ofx" {
				stored(t, a, b)
			}
		})
	}
}

// stored checks that the statements of OFX are imported.
func stored(t *testing.T, a *App, b *bank.Bank) {
	t.Helper()
	state, found, err := a.Events.ReadState(t.Context(), project.StatementStream)
	if err != nil || !found {
		t.Error(state, err)
	}
	objects, err := filepath.Glob(filepath.Join(a.state, "objects", "statements", "*", "*"))
	if err != nil || len(objects) < 3*len(b.Accounts()) {
		t.Error(len(objects), err)
	}
	for _, o := range objects {
		if strings.Contains(o, "changes") {
			t.Error(o)
		}
	}
}

// TestRefreshAskedAtTheEnd: a refresh that is asked for when another one has ended, but not its workflow, is executed.
func TestRefreshAskedAtTheEnd(t *testing.T) {
	t.Parallel()
	a, b := openBank(t, bank.Options{Seed: 7})
	ref := addBankAccounts(t, a, b, "cursor")[0]
	ended := make(chan *account.Account, 1)
	var once sync.Once
	a.hooks.OnRefreshed = func(*account.Account) {
		once.Do(func() { // the workflow goes on when this returns
			waits := make(chan struct{})
			go func() {
				var started sync.Once
				one, _, err := a.RefreshAccount(t.Context(), ref, func(*account.Account) { started.Do(func() { close(waits) }) })
				if err != nil {
					t.Error(err)
				}
				ended <- one
			}()
			<-waits
		})
	}
	mustRefresh(t, a, ref)
	if one := <-ended; one == nil || one.Refresh != 2 || one.Outcome != account.Complete {
		t.Errorf("the second refresh is %+v", one)
	}
}

// TestBeginRefreshingAtOnce: commands that refresh several accounts begin once, so that each stream has one intake.
func TestBeginRefreshingAtOnce(t *testing.T) {
	t.Parallel()
	a, _ := openBank(t, bank.Options{Seed: 9, Accounts: 1})
	if _, err := a.refreshStarter(t.Context()); err != nil { // connects
		t.Fatal(err)
	}
	before := len(a.closers)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := a.beginRefreshing(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if begun := len(a.closers) - before; begun != 1 {
		t.Errorf("begun %d times", begun)
	}
}
