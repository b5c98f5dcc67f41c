// Tests of the commands of accounts and institutions against a simulated institution, without `bursar up`.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bursar/internal/tools/bank"
)

// accountProject is a project that knows a simulated institution as acme.
type accountProject struct {
	t    *testing.T
	dir  string
	bank *bank.Bank
	id   string // of the first account, by the protocol
	ref  string
}

// openAccounts starts an institution whose books are some days behind, so that a test can advance them, and declares it by `bursar institution add`.
func openAccounts(t *testing.T, kind string, o bank.Options) *accountProject {
	t.Helper()
	start := time.Now().AddDate(0, 0, -5)
	o.Now = func() time.Time { return start }
	b, err := bank.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	p := &accountProject{t: t, dir: t.TempDir(), bank: b}
	file(t, p.dir, "bursar.yaml", "")
	file(t, p.dir, "certificates/acme.pem", string(b.RootCA()))
	p.id = b.Accounts()[0].ID
	args := []string{"institution", "add", "acme", "--kind", kind, "--set", "ca=certificates/acme.pem", "--set", "limits.requests=100000", "--set", "limits.account_day=1000"}
	if kind == "ofx" {
		args = append(args, "--url", b.URL(bank.OFX))
		if routing := b.Accounts()[0].BankID; routing != "" { // a card has none
			args = append(args, "--set", "bank_id="+routing)
		}
		p.id = map[string]string{"CHECKING": "checking:", "SAVINGS": "savings:", "CREDITCARD": "card:"}[b.Accounts()[0].Type] + p.id
	}
	p.ref = "acme/" + p.id
	p.must(0, args...)
	p.must(0, "check")
	p.must(0, "vault", "init")
	return p
}

func (p *accountProject) must(code int, args ...string) outcome {
	p.t.Helper()
	return must(p.t, code, append(args, "--project", p.dir)...)
}

// value is the JSON of a command that succeeds.
func (p *accountProject) value(args ...string) map[string]any {
	p.t.Helper()
	return value(p.t, p.must(0, append(args, "--json")...))
}

// with carries out a command line with this standard input.
func (p *accountProject) with(input string, code int, args ...string) outcome {
	p.t.Helper()
	got := withInput(p.t, input, append(args, "--project", p.dir)...)
	if got.code != code {
		p.t.Fatalf("bursar %s: exit code %d, want %d: %s%s", strings.Join(args, " "), got.code, code, got.out, got.err)
	}
	if input != "" && strings.Contains(got.out+got.err, input) {
		p.t.Errorf("bursar %s prints its input: %s%s", strings.Join(args, " "), got.out, got.err)
	}
	return got
}

// bankAmount is a decimal of the product as the institution has it.
func bankAmount(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// TestSetupToken: a SimpleFIN setup token becomes a secret, all accounts are added with it, and a refresh without `bursar up` is complete.
func TestSetupToken(t *testing.T) {
	t.Parallel()
	p := openAccounts(t, "simplefin", bank.Options{Seed: 2, Accounts: 3, PerUser: 2})
	token := p.bank.SetupToken(p.id)
	p.with("", 2, "account", "add", "acme", "--all", "--setup-token")
	added := value(t, p.with(token+"\n", 0, "account", "add", "acme", "--all", "--setup-token", "--json"))
	if length(t, added, "added") != 2 || added["known"] != 0.0 {
		t.Errorf("added %v", added)
	}
	for _, again := range []string{"acme_access_url", "other"} { // a name that is used, and a token that is
		p.with(token, 1, "account", "add", "acme", "--all", "--setup-token", "--secret", again)
	}
	if again := p.value("account", "add", "acme", "--all", "--credential", "access_url=vault:acme_access_url"); length(t, again, "added") != 0 || again["known"] != 2.0 {
		t.Errorf("added again: %v", again)
	}
	if got := p.must(0, "institution", "check", "acme").out; strings.Count(got, "✓") != 2 || !strings.Contains(got, p.id) {
		t.Errorf("check prints %s", got)
	}
	done := p.value("account", "refresh", "--institution", "acme")
	if length(t, done, "accounts") != 2 || done["failed"] != 0.0 {
		t.Errorf("refreshed %v", done)
	}
	for i := range 2 {
		one := item(t, done, "accounts", i)
		truth := p.bank.Truth(words(one, "account"))
		if one["place"] != "done" || one["balance"] != bankAmount(truth.Booked) || one["joined"] != false || one["outcome"] != "complete" {
			t.Errorf("account %d is %v, want %s", i, one, bankAmount(truth.Booked))
		}
		shown := p.value("account", "show", "acme/"+words(one, "account"))
		if length(t, shown, "transactions") != len(truth.Posted)+len(truth.Pending) {
			t.Errorf("account %d has %d transactions, want %d", i, length(t, shown, "transactions"), len(truth.Posted)+len(truth.Pending))
		}
	}
	status := p.value("accounts", "status", "acme")
	if one := item(t, status, "institutions", 0); one["accounts"] != 2.0 || fmt.Sprint(one["places"]) != "map[done:2]" || length(t, status, "accounts") != 2 || status["truncated"] != false {
		t.Errorf("the status is %v", status)
	}
	list := item(t, p.value("institution", "list"), "institutions", 0)
	if list["institution"] != "acme" || list["accounts"] != 2.0 || list["by_person"] != 2.0 {
		t.Errorf("the institution is %v", list)
	}
	p.must(0, "account", "remove", p.ref)
	p.must(3, "account", "show", p.ref)
	if got := p.must(0, "account", "list", "--format", "csv").out; strings.Count(got, "\n") != 2 || !strings.Contains(got, "access_url=vault:acme_access_url") {
		t.Errorf("listed %s", got)
	}
}

// TestDecide: a pending transaction that posts with another amount is suggested, made one, separated again, and rejected.
func TestDecide(t *testing.T) {
	t.Parallel()
	p := openAccounts(t, "simplefin", bank.Options{Seed: 3, Activity: bank.Activity{PerMonth: -1}})
	p.with(p.bank.SetupToken(p.id), 0, "account", "add", "acme", "--all", "--setup-token")
	if got := p.must(0, "account", "suggestions").out; !strings.Contains(got, "no suggestions") {
		t.Errorf("suggestions are %s", got)
	}
	var lunch int64
	p.bank.Act(p.id, func(l *bank.Ledger) { lunch = l.Pend(-20_00) })
	p.must(0, "account", "refresh", p.ref)
	p.bank.Advance(24 * time.Hour)
	p.bank.Act(p.id, func(l *bank.Ledger) { l.Post(lunch, -23_00) })
	p.must(0, "account", "refresh", p.ref)
	list := p.value("account", "suggestions", p.ref)
	if length(t, list, "suggestions") != 1 {
		t.Fatalf("suggestions are %v", list)
	}
	suggestion := item(t, list, "suggestions", 0)
	older, id := words(suggestion, "older"), words(suggestion, "id")
	if got := p.must(0, "account", "suggestions").out; !strings.Contains(got, id) || !strings.Contains(got, "-20.00") || !strings.Contains(got, "-23.00") {
		t.Errorf("suggestions are %s", got)
	}
	p.must(3, "account", "accept", p.ref, "nothing")
	if got := p.value("account", "accept", p.ref, id); got["joined"] != true {
		t.Errorf("accepted %v", got)
	}
	shown := p.value("account", "show", p.ref)
	var source string
	for i := range length(t, shown, "transactions") {
		if e := item(t, shown, "transactions", i); e["id"] == older {
			source = words(item(t, e, "aliases", 0), "source")
			if e["status"] != "posted" || e["amount"] != "-23.00" {
				t.Errorf("accepted, it is %v", e)
			}
		}
	}
	p.must(3, "account", "split", p.ref, "nothing", source)
	p.must(1, "account", "split", p.ref, older, "nothing")
	if got := p.value("account", "split", p.ref, older, source); length(t, got, "transactions") < 2 {
		t.Errorf("split changes %v", got)
	}
	if got := p.must(0, "account", "show", p.ref).out; !strings.Contains(got, "a person says") {
		t.Errorf("the account is %s", got)
	}
}

// TestAnswerLater: without `bursar up`, a refresh that waits for a person is left, and the next one goes on with the answer.
func TestAnswerLater(t *testing.T) {
	t.Parallel()
	p := openAccounts(t, "ofx", bank.Options{Seed: 4, Faults: bank.Faults{OneTimePassword: 1}})
	one := p.bank.Accounts()[0]
	p.with(one.User, 0, "vault", "set", "acme_user")
	p.with(one.Password, 0, "vault", "set", "acme_password")
	credentials := []string{"--credential", "user=vault:acme_user", "--credential", "password=vault:acme_password"}
	if got := p.must(1, append([]string{"account", "add", "acme", "--all"}, credentials...)...); !strings.Contains(got.err, "account add acme ID…") {
		t.Errorf("an institution that asks: %s", got.err)
	}
	p.must(0, append([]string{"account", "add", "acme", p.id, "--name", "Savings of Ann", "--currency", one.Currency}, credentials...)...)
	p.with("123456", 1, "account", "answer", p.ref)
	if got := p.must(1, "account", "refresh", p.ref); !strings.Contains(got.err, "asks: ") || !strings.Contains(got.err, "bursar account answer "+p.ref) {
		t.Errorf("the refresh says %s", got.err)
	}
	if got := p.must(0, "account", "status").out; !strings.Contains(got, "next: bursar account answer "+p.ref) || !strings.Contains(got, "Nothing works on") {
		t.Errorf("the status is %s", got)
	}
	p.with("", 2, "account", "answer", p.ref)
	if got := p.with(p.bank.OneTimePassword(one.ID), 0, "account", "answer", p.ref).out; !strings.Contains(got, "next: bursar account refresh "+p.ref) {
		t.Errorf("answered: %s", got)
	}
	done := item(t, p.value("account", "refresh", p.ref), "accounts", 0)
	if done["place"] != "done" || done["joined"] != true {
		t.Errorf("refreshed %v", done)
	}
}

// TestAccountMistakes: each has its exit code and a next step, and no secret is repeated.
func TestAccountMistakes(t *testing.T) {
	t.Parallel()
	p := openAccounts(t, "ofx", bank.Options{Seed: 5})
	file(t, p.dir, "institutions/paper.yaml", "institution: paper\nservicer: AGBLLT2X\n")
	for _, c := range []struct {
		code int
		args string
		want string
	}{
		{2, "account add acme checking:1 --credential password=hunter2", "bursar vault set SECRET"},
		{2, "account add acme checking:1 --credential hunter2", "NAME=REFERENCE"},
		{2, "account add acme checking:1 --credential password=vault:Hunter2", "name of a secret"},
		{2, "account add acme checking:1 --credential password=vault:unknown", "bursar vault set unknown"},
		{2, "account add acme checking:1 --credential a=vault:b --credential a=vault:b", "twice"},
		{2, "account add acme", "--all"},
		{2, "account add acme checking:1 --all", "leave out"},
		{2, "account add acme a b --name x", "one account"},
		{2, "account add paper x", "no `connector`"},
		{3, "account add acem x", "the project declares acme"},
		{3, "institution check acem", "the project declares acme"},
		{1, "institution check acme", "--credential"},
		{3, "institution check acme --account checking:1", "was not added"},
		{2, "institution add acme", "--kind"},
		{1, "institution add acme --kind simplefin", "institutions/acme.yaml"},
		{2, "institution add other --kind ofx --url http://a.example", "https://"},
		{2, "institution add other --kind ofx --set url", "key=value"},
		{2, "institution add ../other --kind simplefin", "valid name"},
		{2, "institution simulate --into paper --project " + p.dir, "not simulated"},
		{2, "account refresh", "--institution"},
		{1, "account refresh --institution acme", "has no accounts"},
		{2, "account refresh acme", "INSTITUTION/ACCOUNT"},
		{3, "account refresh acme/checking:1", "was not added"},
		{3, "account show acme/checking:1", "was not added"},
		{3, "account status acme/checking:1", "was not added"},
		{3, "account status acem", "the project declares acme"},
		{3, "account remove acme/checking:1", "was not added"},
		{2, "account relink acme/checking:1", "--credential"},
		{3, "account relink acme/checking:1 --credential password=env:X", "was not added"},
		{3, "account suggestions acme/checking:1", "was not added"},
		{2, "account status --watch --json", "excludes"},
	} {
		got := bursar(t, append(strings.Fields(c.args), "--project", p.dir)...)
		if got.code != c.code || !strings.Contains(got.err, c.want) || strings.Contains(strings.ToLower(got.out+got.err), "hunter2") {
			t.Errorf("bursar %s: exit code %d, want %d with %q: %s", c.args, got.code, c.code, c.want, got.err)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "institutions", "other.yaml")); !os.IsNotExist(err) {
		t.Errorf("a file that is not valid was written: %v", err)
	}
	if got := p.must(0, "account", "status").out; !strings.Contains(got, "account add") {
		t.Errorf("without accounts: %s", got)
	}
}

// TestBrokenBalance: a balance that the transactions do not explain is no success.
func TestBrokenBalance(t *testing.T) {
	t.Parallel()
	p := openAccounts(t, "ofx", bank.Options{Seed: 7})
	p.with(p.bank.Accounts()[0].User, 0, "vault", "set", "user")
	p.with(p.bank.Accounts()[0].Password, 0, "vault", "set", "password")
	p.must(0, "account", "add", "acme", p.id, "--credential", "user=vault:user", "--credential", "password=vault:password")
	p.must(0, "account", "refresh", p.ref)
	p.bank.Damage(p.bank.Accounts()[0].ID, bank.WrongBalance)
	p.bank.Act(p.bank.Accounts()[0].ID, func(l *bank.Ledger) { l.Book(-1234) })
	p.bank.Advance(48 * time.Hour)
	if got := p.must(4, "account", "refresh", p.ref); !strings.Contains(got.err, "1 balance is BROKEN") || !strings.Contains(got.out, "BROKEN") {
		t.Errorf("%s\n%s", got.out, got.err)
	}
}
