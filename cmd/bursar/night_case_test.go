//go:build linux

// The case of a night: institutions on their worst day, a project that knows them, and where its accounts must be in the end.

package main

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
	"bursar/internal/app"
	"bursar/internal/tools/bank"
	"bursar/internal/vault"
)

// hopeless is the institution that is down all night.
const hopeless = "hopeless"

// nightBank is an institution of a night.
type nightBank struct {
	*bank.Bank
	name, kind string
	index      map[string]int // of an account in the books, by its id in the project
}

// night is a case.
type night struct {
	t        *testing.T
	random   *rand.Rand
	dir      string
	commands string // folder in which commands are given
	banks    []*nightBank
	accounts int
	limit    time.Duration // until the next thing is seen, on a machine that does many other things
	answered map[string]bool
	renewed  map[string]bool
	last     map[string]string // where accounts were at the last look, for the message of a failure
}

func nightSeed() uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		return seed
	}
	return rand.Uint64N(1000)
}

// nightFaults are those of a small case: everything happens within seconds, and to more accounts.
func nightFaults(f bank.Faults) bank.Faults {
	f.Latency, f.LatencyP99, f.ThrottleFor, f.HangFor = 50*time.Millisecond, 500*time.Millisecond, time.Second, 5*time.Second
	f.OutageEvery, f.OutageFor = 15*time.Second, time.Second
	f.PasswordExpires, f.ExpiresAfter, f.OneTimePassword = 0.1, 4, 0.15
	f.Reissue, f.Shortened, f.Doubled, f.Altered, f.WrongBalance = 0.005, 0.03, 0.03, 0.03, 0.03
	return f
}

// newNight starts the institutions, and makes a project with their accounts. Of many accounts the institutions are as slow as they are by night.
func newNight(t *testing.T, seed uint64, accounts int) *night {
	t.Helper()
	t.Logf("SEED=%d ACCOUNTS=%d", seed, accounts)
	dir := t.TempDir()
	n := &night{
		t: t, random: rand.New(rand.NewPCG(seed, 15)), dir: dir, commands: dir, accounts: accounts,
		limit: 3*time.Minute + time.Duration(accounts)*2*time.Second, answered: map[string]bool{}, renewed: map[string]bool{},
	}
	start := time.Now().AddDate(0, 0, -5) // so that the books can be advanced
	for i, kind := range []string{"ofx", "simplefin", "cursor", hopeless} {
		o := bank.Worst(seed + uint64(i)*1000)
		o.Now = func() time.Time { return start }
		o.Accounts = max(accounts*3/10, 1)
		if accounts <= smallNight {
			o.Faults = nightFaults(o.Faults)
		}
		b := &nightBank{name: kind, kind: kind, index: map[string]int{}}
		if kind == hopeless {
			b.kind, o.Accounts, o.Faults = "cursor", max(accounts/10, 1), bank.Faults{Latency: o.Faults.Latency}
		}
		var err error
		if b.Bank, err = bank.Start(o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		n.banks = append(n.banks, b)
		n.declare(b)
	}
	file(t, dir, "bursar.yaml", "")
	file(t, dir, "pipelines/accounts.yaml", nightPipeline("accounts", "institution, account, currency", "count: {count: true}"))
	file(t, dir, "pipelines/transactions.yaml", nightPipeline("transactions", "institution, account, transaction, currency", "status: {last: status, by: version}"))
	must(t, 0, "check", "--project", dir)
	return n
}

// smallNight is the number of accounts up to which everything is fast.
const smallNight = 100

func nightPipeline(name, key, column string) string {
	return fmt.Sprintf(`pipeline: %s
from: account_transactions
key: [%s]
artifact:
  posted:  {sum: posted_change}
  pending: {sum: pending_change}
  %s
conserve: {posted: posted, pending: pending}
`, name, key, column)
}

// declare declares an institution, within the limits that it counts.
func (n *night) declare(b *nightBank) {
	n.t.Helper()
	settings := map[string]string{
		"ofx":       fmt.Sprintf("url: %q, bank_id: %q, days: 60", b.URL(bank.OFX), "121000999"),
		"simplefin": "days: 60",
		"cursor":    fmt.Sprintf("url: %q, count: 20", b.URL(bank.Cursor)),
	}[b.kind]
	file(n.t, n.dir, "certificates/"+b.name+".pem", string(b.RootCA()))
	timeout, person := "15s", "2m"
	if n.accounts <= smallNight {
		timeout, person = "3s", "8s"
	}
	file(n.t, n.dir, "institutions/"+b.name+".yaml", fmt.Sprintf(`institution: %[1]s
connector: {kind: %[2]s, ca: certificates/%[1]s.pem, timeout: %[3]s, %[4]s}
limits: {requests: 600, per: 1m, sessions: 8, account_day: 100000}
refresh: {every: 1m}
breaker: {failures: 5, wait: 1s, longest: %[5]s}
login: {answer_within: %[6]s, credentials_within: %[6]s}
`, b.name, b.kind, timeout, settings, nightLongest, person))
}

// nightLongest is the longest wait of the breakers.
const nightLongest = 4 * time.Second

// addAll adds the accounts of all institutions, with their credentials in the vault.
func (n *night) addAll() {
	n.t.Helper()
	v := vault.New(n.dir, vault.ProcessEnvironment())
	if _, err := os.Stat(filepath.Join(n.dir, "vault.bursar")); os.IsNotExist(err) {
		_ = bursar(n.t, "vault", "init", "--project", n.dir) // servers may have made one
	}
	var list []account.Account
	for _, b := range n.banks {
		for i, one := range b.Accounts() {
			ref := account.Ref{Institution: b.name, Account: nightID(b.kind, one)}
			b.index[ref.Account] = i
			credentials := map[string]string{}
			for name, value := range nightCredentials(b.kind, one) {
				secret := fmt.Sprintf("%s_%s_%d", b.name, name, i)
				if _, _, err := v.Set(n.t.Context(), secret, []byte(value)); err != nil {
					n.t.Fatal(err)
				}
				credentials[name] = "vault:" + secret
			}
			list = append(list, account.Account{Ref: ref, Currency: one.Currency, Credentials: credentials})
		}
	}
	n.accounts = len(list)
	n.withApp(func(a *app.App) error {
		added, err := a.AddAccounts(n.t.Context(), list)
		if err == nil && len(added) != len(list) {
			err = fmt.Errorf("%d of %d accounts were added", len(added), len(list))
		}
		return err
	})
}

func nightCredentials(kind string, one bank.Account) map[string]string {
	return map[string]map[string]string{
		"ofx":       {"user": one.User, "password": one.Password},
		"simplefin": {"access_url": one.AccessURL},
		"cursor":    {"access_token": one.AccessToken, "client_id": one.ClientID, "secret": one.Secret},
	}[kind]
}

func nightID(kind string, one bank.Account) string {
	if kind != "ofx" {
		return one.ID
	}
	return map[string]string{"CHECKING": "checking:", "SAVINGS": "savings:", "CREDITCARD": "card:"}[one.Type] + one.ID
}

// withApp opens the project in this process.
func (n *night) withApp(do func(a *app.App) error) {
	n.t.Helper()
	a, err := app.Open(n.t.Context(), n.commands, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		n.t.Fatal(err)
	}
	err = do(a)
	if closed := a.Close(); err == nil {
		err = closed
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *night) bank(name string) *nightBank {
	for _, b := range n.banks {
		if b.name == name {
			return b
		}
	}
	n.t.Fatalf("there is no institution %s", name)
	return nil
}

// book returns the account in the books of its institution.
func (n *night) book(institution, id string) (*nightBank, bank.Account) {
	n.t.Helper()
	b := n.bank(institution)
	i, known := b.index[id]
	if !known {
		n.t.Fatalf("there is no account %s/%s", institution, id)
	}
	return b, b.Accounts()[i]
}

// placedAccount is where an account is.
type placedAccount struct {
	institution, id, place, why string
	succeeded                   time.Time
}

func (p *placedAccount) ref() string { return p.institution + "/" + p.id }

// look asks where all accounts are, and does what people do meanwhile; nil if the program cannot say.
func (n *night) look() (list []placedAccount) {
	n.t.Helper()
	got := bursar(n.t, "account", "status", "--limit", "0", "--json", "--project", n.commands)
	if got.code != 0 {
		return nil
	}
	n.last = map[string]string{}
	for _, one := range listIn(n.t, value(n.t, got), "accounts") {
		v := object(n.t, one)
		p := placedAccount{institution: words(v, "institution"), id: words(v, "account"), place: words(v, "place"), why: words(v, "why")}
		p.succeeded, _ = time.Parse(time.RFC3339, words(v, "succeeded")) // or never
		n.last[p.ref()] = p.place + " " + words(v, "where") + " " + p.why
		list = append(list, p)
		n.help(&p)
	}
	return list
}

// help answers the questions of every second account, and sets new credentials for it.
func (n *night) help(p *placedAccount) {
	n.t.Helper()
	b, one := n.book(p.institution, p.id)
	switch isHelped := b.index[p.id]%2 == 0; {
	case !isHelped:
	case p.place == "asks":
		got := withInput(n.t, b.OneTimePassword(one.ID), "account", "answer", p.ref(), "--project", n.commands)
		n.answered[p.ref()] = n.answered[p.ref()] || got.code == 0
	case p.place == "credentials" && !n.renewed[p.ref()]:
		v := vault.New(n.dir, vault.ProcessEnvironment())
		args := []string{"account", "relink", p.ref(), "--project", n.commands}
		for name, value := range nightCredentials(b.kind, b.Renew(one.ID)) {
			secret := fmt.Sprintf("%s_%s_%d", b.name, name, b.index[p.id])
			if _, _, err := v.Set(n.t.Context(), secret, []byte(value)); err != nil {
				n.t.Error(err)
			}
			args = append(args, "--credential", name+"=vault:"+secret)
		}
		n.renewed[p.ref()] = bursar(n.t, args...).code == 0
	}
}

// isOver reports whether an account was read completely since a time, or has a reason why not.
func (p *placedAccount) isOver(since time.Time) bool {
	switch p.place {
	case "failed":
		return p.why != ""
	case "done", "fetching", "processing", "waiting": // it may be read again already
		return p.succeeded.After(since)
	}
	return false
}

// await waits until the accounts of some institutions are over.
func (n *night) await(what string, since time.Time, isOf func(institution string) bool) {
	n.t.Helper()
	defer func() {
		if n.t.Failed() {
			n.t.Logf("%s: %s", what, n.describe(since))
		}
	}()
	took := until(n.t, what, n.limit, func() bool {
		list, open := n.look(), 0
		for i := range list {
			if p := &list[i]; isOf(p.institution) && !p.isOver(since) {
				open++
			}
		}
		return len(list) == n.accounts && open == 0
	})
	n.t.Logf("%s: %s", what, took.Round(time.Second))
}

func (n *night) describe(time.Time) string {
	var text strings.Builder
	for ref, where := range n.last {
		if !strings.HasPrefix(where, "done ") {
			fmt.Fprintf(&text, "\n%s: %s", ref, where)
		}
	}
	return text.String()
}
