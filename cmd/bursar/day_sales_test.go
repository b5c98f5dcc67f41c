//go:build linux

// A year of real sales as JSON lines in chunks, and what they come to by plain sums.

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const daySales = `
stream: sales
format: jsonl
id: line
time: at
columns:
  line:       {type: string}
  invoice_no: {type: string, from: InvoiceNo}
  quantity:   {type: int, from: Quantity}
  at:         {type: timestamp, from: InvoiceDate}
  unit_price: {type: "decimal(18,3)", from: UnitPrice}
  amount:     {type: "decimal(18,3)", is: "quantity * unit_price"}
totals:
  amount:   {sum: amount}
  quantity: {sum: quantity}
`

const dayInvoices = `
pipeline: invoices
from: sales
key: invoice_no
partitions: 2
artifact:
  lines:    {count: true}
  quantity: {sum: quantity}
  amount:   {sum: amount}
conserve: {amount: amount, quantity: quantity}
backlog: {max_batches: 8}
`

// sales are the events of the retail data, cut into chunks, and what their export must be.
type sales struct {
	chunks [][]byte // JSON lines
	rows   int
	export string
}

// invoiceSums is an invoice by plain sums.
type invoiceSums struct {
	lines            int
	quantity, amount big.Rat
}

// readSales reads the day files; a sale's id is its file and the number of its record there.
func readSales(t *testing.T, rowsInChunk int) *sales {
	t.Helper()
	data := os.Getenv("BURSAR_DATA")
	if data == "" {
		t.Skip("BURSAR_DATA is not set: it names the folder of sample data, with retail/*.csv in it")
	}
	files, err := filepath.Glob(filepath.Join(data, "retail", "*.csv"))
	if err != nil || len(files) == 0 {
		t.Skipf("no retail/*.csv in %s (%v)", data, err)
	}
	s, sums := &sales{}, map[string]*invoiceSums{}
	var chunk bytes.Buffer
	for _, path := range files {
		for n, row := range readCSV(t, path) {
			event := map[string]string{
				"line": fmt.Sprintf("%s:%d", filepath.Base(path), n), "InvoiceNo": row[0], "Quantity": row[3], "InvoiceDate": row[4], "UnitPrice": row[5],
			}
			line, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			chunk.Write(append(line, '\n'))
			addSale(t, sums, row)
			if s.rows++; s.rows%rowsInChunk == 0 {
				s.chunks = append(s.chunks, bytes.Clone(chunk.Bytes()))
				chunk.Reset()
			}
		}
	}
	s.chunks = append(s.chunks, bytes.Clone(chunk.Bytes()))
	s.export = exportOf(sums)
	return s
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil && !errors.Is(err, io.EOF) || len(rows) == 0 {
		t.Fatalf("%s: %d rows, %v", path, len(rows), err)
	}
	return rows[1:]
}

func addSale(t *testing.T, sums map[string]*invoiceSums, row []string) {
	t.Helper()
	var quantity, price big.Rat
	if _, ok := quantity.SetString(row[3]); !ok {
		t.Fatalf("no quantity: %q", row)
	}
	if _, ok := price.SetString(row[5]); !ok {
		t.Fatalf("no price: %q", row)
	}
	v := sums[row[0]]
	if v == nil {
		v = &invoiceSums{}
		sums[row[0]] = v
	}
	v.lines++
	v.quantity.Add(&v.quantity, &quantity)
	v.amount.Add(&v.amount, price.Mul(&price, &quantity))
}

func exportOf(sums map[string]*invoiceSums) string {
	var b bytes.Buffer
	for _, number := range slices.Sorted(maps.Keys(sums)) {
		v := sums[number]
		fmt.Fprintf(&b, `{"key":%q,"artifact":{"lines":%d,"quantity":%s,"amount":%q}}`+"\n", number, v.lines, v.quantity.FloatString(0), v.amount.FloatString(3))
	}
	return b.String()
}
