// A naive computation of the invoices of the retail example, with which TestRetail compares.

package app

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// invoice has the sums of the naive computation, as exact fractions.
type invoice struct {
	lines            int64
	quantity, amount *big.Rat
	at               string
	customers        []string
	countries        []string
}

// retailOracle returns the expected export, computed without any code of the product.
func retailOracle(t *testing.T, files []string) (lines []byte, rows int64) {
	t.Helper()
	invoices := map[string]*invoice{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		in := csv.NewReader(f)
		header, err := in.Read()
		if err != nil || strings.Join(header, ",") != "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country" {
			t.Fatalf("%s: header %q, %v", name, header, err)
		}
		for ; ; rows++ {
			row, err := in.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if invoices[row[0]] == nil {
				invoices[row[0]] = &invoice{quantity: new(big.Rat), amount: new(big.Rat), at: row[4]}
			}
			invoices[row[0]].add(t, row)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(invoices)) {
		lines = invoices[number].appendLine(lines, number)
	}
	return lines, rows
}

func (v *invoice) add(t *testing.T, row []string) {
	quantity, ok := new(big.Rat).SetString(row[3])
	price, ok2 := new(big.Rat).SetString(row[5])
	if !ok || !ok2 {
		t.Fatalf("no numbers: %q", row)
	}
	v.lines++
	v.quantity.Add(v.quantity, quantity)
	v.amount.Add(v.amount, price.Mul(price, quantity))
	v.at = min(v.at, row[4])
	if row[6] != "" {
		v.customers = append(v.customers, row[6])
	}
	v.countries = append(v.countries, row[7])
}

func (v *invoice) appendLine(dst []byte, number string) []byte {
	customer, first, problem := "null", "null", "null"
	cancelled := number[0] == 'C'
	if len(v.customers) > 0 {
		customer, first = strconv.Quote(slices.Max(v.customers)), strconv.Quote(slices.Min(v.customers))
	}
	switch {
	case customer == "null":
		problem = `"no customer"`
	case first != customer:
		problem = `"two customers"`
	case cancelled:
		problem = `"cancelled"`
	case v.amount.Sign() < 0:
		problem = `"negative"`
	}
	at := strings.Replace(v.at, " ", "T", 1) + "Z"
	return fmt.Appendf(dst, `{"key":%q,"artifact":{"lines":%d,"quantity":%s,"amount":%q,"invoiced_at":%q,"customer_id":%s,`+
		`"country":%q,"first_customer_id":%s,"cancelled":%t,"problem":%s}}`+"\n",
		number, v.lines, v.quantity.FloatString(0), v.amount.FloatString(3), at, customer, slices.Max(v.countries), first, cancelled, problem)
}
