// Compares an export of the pipeline with the ledger, to the cent.

package shop

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

// exportedLine is one line of an export. Columns stay JSON text, because they are compared character by character.
type exportedLine struct {
	Key      []string `json:"key"`
	Artifact struct {
		Events    json.RawMessage `json:"events"`
		Ordered   json.RawMessage `json:"ordered"`
		Shipped   json.RawMessage `json:"shipped"`
		Paid      json.RawMessage `json:"paid"`
		Refunded  json.RawMessage `json:"refunded"`
		Shipments json.RawMessage `json:"shipments"`
		Payments  json.RawMessage `json:"payments"`
		Refunds   json.RawMessage `json:"refunds"`
		FirstAt   json.RawMessage `json:"first_at"`
		LastAt    json.RawMessage `json:"last_at"`
		LastType  json.RawMessage `json:"last_type"`
		Balance   json.RawMessage `json:"balance"`
		Status    json.RawMessage `json:"status"`
	} `json:"artifact"`
}

// CompareExport reads the JSON lines that `bursar export` wrote of the pipeline orders and returns nil if they
// are exactly the ledger's orders, each once, with equal artifacts. Otherwise the error names the first
// difference: the line, the order, the column, and both values.
func (l *Ledger) CompareExport(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<16), 1<<20)
	seen := make([]bool, len(l.Orders))
	rows := 0
	for lines.Scan() {
		rows++
		if err := l.compareLine(lines.Bytes(), seen); err != nil {
			return fmt.Errorf("compare export: line %d: %w", rows, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("compare export: line %d: %w", rows+1, err)
	}
	for order, found := range seen {
		if !found {
			return fmt.Errorf("compare export: %s is missing: %d orders exported, ledger has %d",
				l.name(order), rows, len(l.Orders))
		}
	}
	return nil
}

func (l *Ledger) compareLine(text []byte, seen []bool) error {
	var line exportedLine
	if err := json.Unmarshal(text, &line); err != nil {
		return fmt.Errorf("read artifact: %w", err)
	}
	order, err := l.find(line.Key)
	if err != nil {
		return err
	}
	if seen[order] {
		return fmt.Errorf("%s is exported twice", l.name(order))
	}
	seen[order] = true
	if err := l.Orders[order].compare(&line); err != nil {
		return fmt.Errorf("%s: %w", l.name(order), err)
	}
	return nil
}

// find returns the number of the order with a key [order_id, currency].
func (l *Ledger) find(key []string) (int, error) {
	if len(key) != 2 {
		return 0, fmt.Errorf("key %q is not an order and a currency", key)
	}
	id := key[0]
	if len(id) == 10 && id[0] == 'S' {
		if number, err := strconv.ParseUint(id[1:], 10, 64); err == nil {
			order := orderOf(l.Seed, number)
			if order < uint64(len(l.Orders)) && l.Orders[order].Currency.String() == key[1] {
				return int(order), nil
			}
		}
	}
	return 0, fmt.Errorf("order %s %s is not in the ledger", id, key[1])
}

func (l *Ledger) name(order int) string {
	return fmt.Sprintf("order %s %s", l.OrderID(order), l.Orders[order].Currency)
}

// compare returns an error that names the first column with a different value.
func (o *Order) compare(line *exportedLine) error {
	a := &line.Artifact
	all := int64(0)
	for _, count := range o.Events {
		all += int64(count)
	}
	return cmp.Or(
		compareCount("events", a.Events, all),
		compareCents("ordered", a.Ordered, o.Cents[Ordered]),
		compareCents("shipped", a.Shipped, o.Cents[Shipped]),
		compareCents("paid", a.Paid, o.Cents[Paid]),
		compareCents("refunded", a.Refunded, o.Cents[Refunded]),
		compareCount("shipments", a.Shipments, int64(o.Events[Shipped])),
		compareCount("payments", a.Payments, int64(o.Events[Paid])),
		compareCount("refunds", a.Refunds, int64(o.Events[Refunded])),
		compareMoment("first_at", a.FirstAt, o.First),
		compareMoment("last_at", a.LastAt, o.Last),
		compareString("last_type", a.LastType, o.LastType.String()),
		compareCents("balance", a.Balance, o.Balance()),
		compareString("status", a.Status, o.Status()),
	)
}

func compareCents(column string, got json.RawMessage, cents int64) error {
	var buffer [32]byte
	want := append(appendCents(append(buffer[:0], '"'), cents), '"')
	return compareText(column, got, want)
}

func compareCount(column string, got json.RawMessage, count int64) error {
	var buffer [32]byte
	return compareText(column, got, strconv.AppendInt(buffer[:0], count, 10))
}

func compareString(column string, got json.RawMessage, want string) error {
	var buffer [32]byte
	return compareText(column, got, append(append(append(buffer[:0], '"'), want...), '"'))
}

func compareText(column string, got, want []byte) error {
	switch {
	case bytes.Equal(got, want):
		return nil
	case len(got) == 0:
		return fmt.Errorf("%s is missing, ledger has %s", column, want)
	default:
		return fmt.Errorf("%s is %s, ledger has %s", column, got, want)
	}
}

// compareMoment accepts any number of decimals of the second, but only the same instant, in UTC.
func compareMoment(column string, got json.RawMessage, unixMilli int64) error {
	want := time.UnixMilli(unixMilli).UTC()
	if len(got) > 2 && got[len(got)-2] == 'Z' {
		at, err := time.Parse(time.RFC3339Nano, string(got[1:len(got)-1]))
		if err == nil && at.Equal(want) {
			return nil
		}
	}
	return compareText(column, got, want.AppendFormat(nil, `"`+time.RFC3339Nano+`"`))
}
