// Compares an export of the pipeline with the ledger, to the cent.

package shop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// exportedLine is one line of an export. Columns stay JSON text, because they are compared character by character.
type exportedLine struct {
	Key      []string                   `json:"key"`
	Artifact map[string]json.RawMessage `json:"artifact"`
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

// compare returns an error that names the first column with a different value. Texts are compared as JSON.
func (o *Order) compare(line *exportedLine) error {
	all := int32(0)
	for _, count := range o.Events {
		all += count
	}
	amount := func(cents int64) string { return `"` + Cents(cents) + `"` }
	for _, column := range []struct{ name, want string }{
		{"events", fmt.Sprint(all)},
		{"ordered", amount(o.Cents[Ordered])},
		{"shipped", amount(o.Cents[Shipped])},
		{"paid", amount(o.Cents[Paid])},
		{"refunded", amount(o.Cents[Refunded])},
		{"shipments", fmt.Sprint(o.Events[Shipped])},
		{"payments", fmt.Sprint(o.Events[Paid])},
		{"refunds", fmt.Sprint(o.Events[Refunded])},
		{"first_at", exportedMoment(line.Artifact["first_at"], o.First)},
		{"last_at", exportedMoment(line.Artifact["last_at"], o.Last)},
		{"last_type", `"` + o.LastType.String() + `"`},
		{"balance", amount(o.Balance())},
		{"status", `"` + o.Status() + `"`},
	} {
		switch got := string(line.Artifact[column.name]); got {
		case column.want:
		case "":
			return fmt.Errorf("%s is missing, ledger has %s", column.name, column.want)
		default:
			return fmt.Errorf("%s is %s, ledger has %s", column.name, got, column.want)
		}
	}
	return nil
}

// exportedMoment returns what an export must contain for a time: what it contains, if that is the same instant in UTC with any
// number of decimals of the second.
func exportedMoment(got json.RawMessage, unixMilli int64) string {
	want := time.UnixMilli(unixMilli).UTC()
	if len(got) > 2 && got[len(got)-2] == 'Z' {
		at, err := time.Parse(time.RFC3339Nano, string(got[1:len(got)-1]))
		if err == nil && at.Equal(want) {
			return string(got)
		}
	}
	return want.Format(`"` + time.RFC3339Nano + `"`)
}

// EachArtifact reads the JSON lines of an export, and calls do with each key and artifact.
func EachArtifact[K, A any](r io.Reader, do func(key K, artifact A) error) error {
	lines := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	for {
		var line struct {
			Key      K `json:"key"`
			Artifact A `json:"artifact"`
		}
		err := lines.Decode(&line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = do(line.Key, line.Artifact)
		}
		if err != nil {
			return err
		}
	}
}

// Piped lets read read what write writes meanwhile. It returns the error that made the other side fail, if both do.
func Piped(write func(w io.Writer) error, read func(r io.Reader) error) error {
	out, in := io.Pipe()
	written := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(in, 1<<20)
		err := write(w)
		if err == nil {
			err = w.Flush()
		}
		in.CloseWithError(err) // nil is the end of the file
		written <- err
	}()
	err := read(out)
	out.CloseWithError(err)
	if failed := <-written; err == nil || failed != nil && errors.Is(err, failed) {
		return failed
	}
	return err
}
