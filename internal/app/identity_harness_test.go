// An account whose books a test changes step by step, and the comparison of everything that is stored of it with these books.

package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"bursar/internal/aggregate/account"
	"bursar/internal/aggregate/ledger"
	"bursar/internal/project"
	"bursar/internal/tools/bank"
)

// scripted is an account whose books only a test changes.
type scripted struct {
	t        *testing.T
	app      *App
	bank     *bank.Bank
	protocol string
	id       string // at the institution
	ref      account.Ref
}

// histories is a pipeline with all versions of a transaction.
const histories = `pipeline: histories
from: account_transactions
key: [institution, account, transaction, currency]
artifact:
  status:  {last: status, by: version}
  amount:  {last: amount, by: version}
  same_as: {last: same_as, by: version}
  posted:  {sum: posted_change}
  pending: {sum: pending_change}
  history: {list: [version, status, amount, evidence], by: version, keep: 100}
`

// openScripted opens a project with one account on which nothing happens by itself. Fetches of statements and lists have several parts.
func openScripted(t *testing.T, protocol string) *scripted {
	t.Helper()
	files := map[string]string{"pipelines/histories.yaml": histories}
	for _, name := range []string{"balances", "transactions"} {
		text, err := os.ReadFile("../project/templates/aggregation/pipelines/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		files["pipelines/"+name+".yaml"] = string(text)
	}
	a, b := openBankWith(t, bank.Options{Seed: 7, Activity: bank.Activity{PerMonth: -1}}, 10, files)
	ref := addBankAccounts(t, a, b, protocol)[0]
	return &scripted{t, a, b, protocol, b.Accounts()[0].ID, ref}
}

func (s *scripted) act(change func(l *bank.Ledger)) { s.bank.Act(s.id, change) }

// refresh refreshes the account and compares it with the books. Statements have no pending transactions.
func (s *scripted) refresh(step, verdict string) *account.Account {
	s.t.Helper()
	one := mustRefresh(s.t, s.app, s.ref)
	truth := s.bank.Truth(s.id)
	if s.protocol == "ofx" {
		truth.Pending = nil
	}
	if one.Standing == nil || one.Standing.Balance == "" {
		s.t.Fatalf("%s: %s has no balance: %+v", step, s.ref, one.Standing)
	}
	got := *one.Standing
	if got.Verdict != verdict {
		s.t.Errorf("%s: %s, want %s: %s", step, got.Verdict, verdict, got.Reason)
	}
	if balance := centsOf(s.t, got.Balance); balance != truth.Booked {
		s.t.Errorf("%s: the balance is %s, in the books %d cents", step, got.Balance, truth.Booked)
	}
	posted, pending := centsOf(s.t, got.Posted), centsOf(s.t, got.Pending)
	if posted != sumOf(truth.Posted) || pending != sumOf(truth.Pending) {
		s.t.Errorf("%s: posted %s and pending %s, in the books %d and %d cents", step, got.Posted, got.Pending, sumOf(truth.Posted), sumOf(truth.Pending))
	}
	counts := s.counts()
	if counts[ledger.Posted] != len(truth.Posted) || counts[ledger.Pending] != len(truth.Pending) {
		s.t.Errorf("%s: the transactions are %v, in the books %d posted and %d pending", step, counts, len(truth.Posted), len(truth.Pending))
	}
	return one
}

func sumOf(entries []bank.Entry) (cents int64) {
	for _, e := range entries {
		cents += e.Cents
	}
	return cents
}

// counts is the number of transactions by status.
func (s *scripted) counts() map[ledger.Status]int {
	s.t.Helper()
	entries, _, err := s.app.Transactions(s.t.Context(), s.ref)
	if err != nil {
		s.t.Fatal(err)
	}
	counts := map[ledger.Status]int{}
	for _, e := range entries {
		counts[e.Status]++
	}
	return counts
}

// entryOf finds a transaction of the books by its number.
func (s *scripted) entryOf(number int64) *ledger.Entry {
	s.t.Helper()
	truth := s.bank.Truth(s.id)
	entries, _, err := s.app.Transactions(s.t.Context(), s.ref)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range append(truth.Posted, truth.Pending...) {
		if i := slices.IndexFunc(entries, func(x ledger.Entry) bool { return x.Source == e.ID }); e.Number == number && i >= 0 {
			return &entries[i]
		}
	}
	s.t.Fatalf("transaction %d is unknown", number)
	return nil
}

// storedTransaction is a transaction as the stored events have it.
type storedTransaction struct {
	Status, Amount, Posted, Pending string
	History                         []struct {
		Version                  int
		Status, Amount, Evidence string
	}
}

// versions is the history in a line.
func (e *storedTransaction) versions() string {
	var list []string
	for _, v := range e.History {
		list = append(list, fmt.Sprintf("%s %s: %s", v.Status, strings.TrimSuffix(v.Amount, "000"), v.Evidence))
	}
	return strings.Join(list, " | ")
}

// fromEvents folds the stored events of the account, proves that, and compares them with the books.
func (s *scripted) fromEvents() map[string]*storedTransaction {
	s.t.Helper()
	for _, stream := range project.AccountStreams {
		if err := s.app.liveIntake(stream).Seal(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
	}
	if _, err := s.app.Run(s.t.Context(), []string{"balances", "transactions", "histories"}, nil); err != nil {
		s.t.Fatal(err)
	}
	truth := s.bank.Truth(s.id)
	if s.protocol == "ofx" {
		truth.Pending = nil
	}
	var balance struct{ Posted, Pending, Stated string }
	s.exported("balances", func(_, artifact json.RawMessage) error { return json.Unmarshal(artifact, &balance) })
	if centsOf(s.t, balance.Posted) != sumOf(truth.Posted) || centsOf(s.t, balance.Pending) != sumOf(truth.Pending) || centsOf(s.t, balance.Stated) != truth.Booked {
		s.t.Errorf("by the events %+v, in the books %d posted, %d pending, %d booked", balance, sumOf(truth.Posted), sumOf(truth.Pending), truth.Booked)
	}
	all, statuses := map[string]*storedTransaction{}, map[string]int{}
	s.exported("histories", func(key, artifact json.RawMessage) error {
		var e storedTransaction
		var names []string
		err := errors.Join(json.Unmarshal(key, &names), json.Unmarshal(artifact, &e))
		all[names[2]] = &e
		statuses[e.Status]++
		posted, pending := "0.00000", "0.00000"
		switch e.Status {
		case "posted":
			posted = e.Amount
		case "pending":
			pending = e.Amount
		}
		if e.Posted != posted || e.Pending != pending {
			s.t.Errorf("the versions add up to %s and %s: %s", e.Posted, e.Pending, e.versions())
		}
		return err
	})
	if statuses["posted"] != len(truth.Posted) || statuses["pending"] != len(truth.Pending) {
		s.t.Errorf("by the events %v, in the books %d posted and %d pending", statuses, len(truth.Posted), len(truth.Pending))
	}
	for _, pipeline := range []string{"balances", "transactions", "histories"} {
		checkProof(s.t, s.app, pipeline)
	}
	return all
}

// exported passes on the key and the artifact of each line of an export.
func (s *scripted) exported(pipeline string, each func(key, artifact json.RawMessage) error) {
	s.t.Helper()
	for line := range bytes.Lines(exportOf(s.t, s.app, pipeline)) {
		var one struct{ Key, Artifact json.RawMessage }
		err := json.Unmarshal(line, &one)
		if err == nil {
			err = each(one.Key, one.Artifact)
		}
		if err != nil {
			s.t.Fatalf("%v: %s", err, line)
		}
	}
}
