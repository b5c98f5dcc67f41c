// What stays to be looked at: quarantine, exceptions, one order, and the commands to go on with.

package demo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bursar/internal/app"
	"bursar/internal/event"
	"bursar/internal/reconcile/query"
	"bursar/internal/tools/shop"
)

const (
	shownRejected   = 10 // more than there are kinds
	shownExceptions = 5
)

// showQuarantine shows one row for each reason, and compares how many there are with what intake counted.
func (s *demonstration) showQuarantine(ctx context.Context, a *app.App) error {
	rows, kinds := int64(0), map[string]bool{}
	var table [][]string
	err := a.Quarantine(ctx, stream, func(r event.Rejected) error {
		rows++
		if kind := kindOf(r.Reason); len(table) < shownRejected && !kinds[r.Column+kind] {
			kinds[r.Column+kind] = true
			table = append(table, []string{filepath.Base(r.File), number(r.Row), r.Column, r.Reason})
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.heading("Quarantine and duplicates")
	s.Table([]string{"file", "row", "column", "reason"}, table)
	s.printf("%s rows are in quarantine, whole, with the reason; %s rows are duplicates and count once.",
		number(rows), number(s.report.Duplicates))
	if rows != s.report.Quarantined {
		return fmt.Errorf("quarantine contains %d rows, intake counted %d", rows, s.report.Quarantined)
	}
	return nil
}

// kindOf removes what differs from row to row from a reason: the value it begins with, or numbers and details.
func kindOf(reason string) string {
	if strings.HasPrefix(reason, `"`) {
		return reason[strings.LastIndexByte(reason, '"'):]
	}
	kind, _, _ := strings.Cut(reason, ":")
	return strings.TrimRight(kind, "0123456789")
}

// showExceptions shows the open orders of the largest balance, which must be the ledger's.
func (s *demonstration) showExceptions(ctx context.Context, a *app.App) error {
	var largest []Exception
	err := a.Queries.Exceptions(ctx, pipeline, nil, func(x query.Exception) error {
		e, err := readException(x)
		if err != nil {
			return err
		}
		s.report.Exceptions++
		at, _ := slices.BinarySearchFunc(largest, e, compareExceptions)
		if at < shownExceptions {
			largest = slices.Insert(largest, at, e)
			largest = largest[:min(len(largest), shownExceptions)]
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.report.Largest = largest
	return s.printExceptions()
}

func (s *demonstration) printExceptions() error {
	s.heading(fmt.Sprintf("The %d largest of %s exceptions", len(s.report.Largest), number(s.report.Exceptions)))
	var table [][]string
	for i, want := range s.ledger.Largest(shownExceptions) {
		expected := Exception{want.OrderID, want.Currency.String(), shop.Cents(want.Balance)}
		if i >= len(s.report.Largest) || s.report.Largest[i] != expected {
			return fmt.Errorf("largest exceptions are %v, ledger has %v as number %d", s.report.Largest, expected, i+1)
		}
		table = append(table, []string{expected.OrderID, expected.Currency, expected.Balance, want.Fault.String()})
	}
	s.Table([]string{"order", "currency", "balance", "what the generator did"}, table)
	if open := int64(s.ledger.Open()); s.report.Exceptions != open {
		return fmt.Errorf("%d orders are open, ledger has %d", s.report.Exceptions, open)
	}
	return nil
}

func readException(x query.Exception) (Exception, error) {
	var key []string
	var artifact struct {
		Balance string `json:"balance"`
	}
	if err := json.Unmarshal(x.Key, &key); err != nil || len(key) != 2 {
		return Exception{}, fmt.Errorf("read exception: key %s is not an order and a currency", x.Key)
	}
	if err := json.Unmarshal(x.Artifact, &artifact); err != nil {
		return Exception{}, fmt.Errorf("read exception: %w", err)
	}
	_, err := shop.ParseCents(artifact.Balance)
	return Exception{key[0], key[1], artifact.Balance}, err
}

// compareExceptions sorts by balance, the largest first, then by order. The balances are valid.
func compareExceptions(a, b Exception) int {
	return cmp.Or(cmp.Compare(magnitude(b), magnitude(a)), cmp.Compare(a.OrderID, b.OrderID))
}

func magnitude(e Exception) int64 {
	cents, _ := shop.ParseCents(e.Balance)
	return max(cents, -cents)
}

// candidates is the maximum number of orders to read in search of one with a history.
const candidates = 200

// showOrder shows an order that was refunded and reconciles, one that several runs have touched if there is one.
func (s *demonstration) showOrder(ctx context.Context, a *app.App) error {
	var answer query.GetResult
	var took time.Duration
	looked, n := 0, len(s.ledger.Orders)
	for i := range n {
		// Orders of the days around the second run have most probably been changed by two runs.
		i = (i + n*39/100) % n
		o := &s.ledger.Orders[i]
		if o.Open() || o.Events[shop.Refunded] == 0 {
			continue
		}
		key, err := json.Marshal([]string{s.ledger.OrderID(i), o.Currency.String()})
		if err != nil {
			return fmt.Errorf("name order: %w", err)
		}
		began := time.Now()
		if answer, err = a.Queries.Get(ctx, pipeline, string(key), 0, true); err != nil {
			return err
		}
		s.key, took = string(key), time.Since(began)
		if looked++; looked == candidates || len(answer.History) > 1 {
			break
		}
	}
	if looked == 0 {
		return nil // the shop is too small
	}
	s.heading("One order")
	s.printf("$ %s", s.commandLine("get", pipeline, s.key))
	s.Table([]string{"column", "value"}, columns(answer.Artifact))
	s.printf("Found in %s. Run %d wrote it; it has %s.", took.Round(10*time.Microsecond), answer.Run, versions(len(answer.History)))
	return nil
}

func versions(n int) string {
	if n == 1 {
		return "one version so far"
	}
	return fmt.Sprintf("%d versions, one per run that changed it", n)
}

// columns splits an artifact, which is a flat object, into its columns, in order.
func columns(artifact json.RawMessage) (rows [][]string) {
	d := json.NewDecoder(bytes.NewReader(artifact))
	d.UseNumber()
	_, err := d.Token()
	for err == nil && d.More() {
		var name, value json.Token
		if name, err = d.Token(); err == nil {
			value, err = d.Token()
		}
		rows = append(rows, []string{fmt.Sprint(name), fmt.Sprint(value)})
	}
	return rows
}

// summary prints the result and the commands to continue with.
func (s *demonstration) summary() {
	r := &s.report
	s.heading("Summary")
	s.Table([]string{"what", "figure"}, [][]string{
		{"events", number(r.Rows)},
		{"artifacts", number(r.Artifacts)},
		{"exceptions", number(r.Exceptions)},
		{"commands killed and repeated", fmt.Sprint(r.Kills)},
		{"difference from the ledger", "none, to the cent"},
		{"from files to artifacts, processes and kills included", fmt.Sprintf("%.1f s, %s events a second", r.BusySeconds, number(r.EventsPerSecond))},
		{"the whole demo", fmt.Sprintf("%.1f s", r.Seconds)},
	})
	s.Line("Continue with:")
	commands := [][]string{}
	if s.key != "" {
		commands = append(commands, []string{"get", pipeline, s.key}, []string{"get", pipeline, s.key, "--history"})
	}
	commands = append(commands, [][]string{
		{"exceptions", pipeline},
		{"quarantine", stream},
		{"status"},
		{"verify", pipeline},
		{"export", pipeline, "--to", filepath.Join(s.Dir, "orders.jsonl")},
	}...)
	for _, args := range commands {
		s.Line("  " + s.commandLine(args...))
	}
}
