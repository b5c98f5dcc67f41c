// The naive model: reads generated files with encoding/json, checks and folds them in the plainest way.
package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// naiveEvent is an accepted event's typed columns; two are duplicates if they are equal.
type naiveEvent struct {
	id, kind, order, customer, amount, currency, channel, note string
	at                                                         time.Time
}

// naiveShop is every accepted event by id and by key.
type naiveShop struct {
	byID  map[string]naiveEvent
	byKey map[[2]string][]naiveEvent
}

var naiveAmount = regexp.MustCompile(`^[0-9]{1,16}\.[0-9]{2}$`)

// readNaively reads every batch and compares its counts and control totals with the ledger's.
func readNaively(t *testing.T, dir string, ledger *Ledger) *naiveShop {
	t.Helper()
	shop := &naiveShop{byID: map[string]naiveEvent{}, byKey: map[[2]string][]naiveEvent{}}
	for _, batch := range ledger.Batches {
		text, err := os.ReadFile(filepath.Join(dir, batch.File))
		if err != nil {
			t.Fatal(err)
		}
		var rows, accepted, duplicates, conflicts, malformed int64
		totals := map[string]*big.Rat{}
		for line := range bytes.Lines(text) {
			rows++
			e, err := parseNaively(line)
			if err != nil {
				malformed++
				continue
			}
			before, known := shop.byID[e.id]
			switch {
			case !known:
				accepted++
				shop.byID[e.id] = e
				key := [2]string{e.order, e.currency}
				shop.byKey[key] = append(shop.byKey[key], e)
				if totals[e.currency] == nil {
					totals[e.currency] = new(big.Rat)
				}
				totals[e.currency].Add(totals[e.currency], rat(e.amount))
			case before == e:
				duplicates++
			default:
				conflicts++
			}
		}
		got := [...]int64{rows, accepted, duplicates, conflicts, malformed}
		want := [...]int64{batch.Rows, batch.Accepted, batch.Duplicates, batch.Conflicts, batch.Malformed}
		if got != want {
			t.Errorf("%s has rows, accepted, duplicates, conflicts, malformed %v, ledger has %v", batch.File, got, want)
		}
		if got, want := fmt.Sprint(decimals(totals)), fmt.Sprint(batch.Totals()); got != want {
			t.Errorf("%s comes to %s, ledger has %s", batch.File, got, want)
		}
	}
	return shop
}

func parseNaively(line []byte) (naiveEvent, error) {
	var row struct {
		ID       string `json:"event_id"`
		Type     string
		Amount   string
		Currency string
		Channel  string
		At       string `json:"occurred_at"`
		Note     string
		Data     struct{ Order struct{ ID, Customer string } }
	}
	if err := json.Unmarshal(line, &row); err != nil {
		return naiveEvent{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, row.At)
	switch {
	case err != nil:
		return naiveEvent{}, err
	case strings.Count(string(line), `"currency":`) != 1,
		!naiveAmount.MatchString(row.Amount),
		!slices.Contains([]string{"USD", "EUR", "GBP"}, row.Currency),
		!slices.Contains([]string{"order", "shipment", "payment", "refund"}, row.Type),
		!slices.Contains([]string{"web", "app", "store", "phone"}, row.Channel),
		row.ID == "", row.Data.Order.ID == "", row.Data.Order.Customer == "":
		return naiveEvent{}, fmt.Errorf("rejected: %s", line)
	}
	return naiveEvent{
		row.ID, row.Type, row.Data.Order.ID, row.Data.Order.Customer,
		row.Amount, row.Currency, row.Channel, row.Note, at.UTC(),
	}, nil
}

func rat(decimal string) *big.Rat {
	r, _ := new(big.Rat).SetString(decimal)
	return r
}

func decimals(totals map[string]*big.Rat) map[string]string {
	texts := map[string]string{}
	for currency, total := range totals {
		texts[currency] = total.FloatString(2)
	}
	return texts
}

// fold is the artifact of a key as the pipeline declares it, and whether it is open.
func (s *naiveShop) fold(key [2]string) (line string, open bool) {
	sums, counts := map[string]*big.Rat{}, map[string]int{}
	for _, kind := range typeNames {
		sums[kind] = new(big.Rat)
	}
	events := slices.Clone(s.byKey[key])
	slices.SortFunc(events, func(a, b naiveEvent) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.id, b.id)
	})
	for _, e := range events {
		sums[e.kind].Add(sums[e.kind], rat(e.amount))
		counts[e.kind]++
	}
	balance := new(big.Rat).Sub(sums["shipment"], sums["payment"])
	balance.Add(balance, sums["refund"])
	status := "reconciled"
	if balance.Sign() != 0 || sums["shipment"].Cmp(sums["order"]) != 0 {
		status = "open"
	}
	last := events[len(events)-1]
	return fmt.Sprintf(`{"key":["%s","%s"],"artifact":{"events":%d,"ordered":"%s","shipped":"%s","paid":"%s",`+
		`"refunded":"%s","shipments":%d,"payments":%d,"refunds":%d,"first_at":"%s","last_at":"%s",`+
		`"last_type":"%s","balance":"%s","status":"%s"}}`+"\n",
		key[0], key[1], len(events), sums["order"].FloatString(2), sums["shipment"].FloatString(2),
		sums["payment"].FloatString(2), sums["refund"].FloatString(2),
		counts["shipment"], counts["payment"], counts["refund"],
		events[0].at.Format(time.RFC3339Nano), last.at.Format("2006-01-02T15:04:05.000000Z"),
		last.kind, balance.FloatString(2), status), status == "open"
}

func (s *naiveShop) keys() [][2]string {
	var keys [][2]string
	for key := range s.byKey {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return keys
}

// export is what the export command must print.
func (s *naiveShop) export() *bytes.Buffer {
	var out bytes.Buffer
	for _, key := range s.keys() {
		line, _ := s.fold(key)
		out.WriteString(line)
	}
	return &out
}

func (s *naiveShop) open() int {
	count := 0
	for _, key := range s.keys() {
		if _, open := s.fold(key); open {
			count++
		}
	}
	return count
}
