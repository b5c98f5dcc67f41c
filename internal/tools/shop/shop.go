// Package shop generates the events of an imaginary shop, for the demonstration and the benchmarks.
//
// It owns the generated project folders, the generated events and an independent ledger with the expected result of every
// batch and every order. It guarantees that equal options give equal bytes, and that the ledger is kept in whole cents while
// generating, never by reading the files back. It must not import any other package of this program, because it must not
// share code with what it is compared with.
package shop

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Type is the type of an event.
type Type uint8

// The types of events, as indexes of Order.Cents and Order.Events.
const (
	Ordered Type = iota
	Shipped
	Paid
	Refunded
	types // how many there are
)

var typeNames = [types]string{"order", "shipment", "payment", "refund"}

// String is the type as it is written in an event.
func (t Type) String() string { return typeNames[t] }

// Currency is the one currency of an order.
type Currency uint8

// currencies is how many currencies the shop sells in.
const currencies = 3

var currencyNames = [currencies]string{"USD", "EUR", "GBP"}

// String is the ISO 4217 code.
func (c Currency) String() string { return currencyNames[c] }

// Cents formats an amount in cents as a decimal with two decimals, such as "-12.30".
func Cents(cents int64) string { return string(appendCents(nil, cents)) }

// ParseCents returns the cents of an amount with two decimals.
func ParseCents(text string) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	cents, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err == nil && len(fraction) != 2 {
		err = fmt.Errorf("amount %q does not have two decimals", text)
	}
	return cents, err
}

func appendCents(b []byte, cents int64) []byte {
	if cents < 0 {
		b = append(b, '-')
		cents = -cents
	}
	b = strconv.AppendInt(b, cents/100, 10)
	return append(b, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}

// mixBits mixes 64 bits. It is a bijection, so different numbers stay different.
func mixBits(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func appendHex(b []byte, x uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, digits[x>>shift&15])
	}
	return b
}

// appendSecond appends a time to the second, without a zone: 2025-01-02T03:04:05.
func appendSecond(b []byte, unix int64) []byte {
	return time.Unix(unix, 0).UTC().AppendFormat(b, "2006-01-02T15:04:05")
}

// appendPadded appends the last width digits of a non-negative number, with leading zeros.
func appendPadded(b []byte, n, width int) []byte {
	start := len(b)
	for range width {
		b = append(b, '0')
	}
	for i := start + width - 1; i >= start; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// Order numbers have nine digits. Multiplying by a step that has no common factor with 10^9 makes them look unrelated, keeps
// them distinct, and can be inverted.
const (
	numberSpace = 1_000_000_000
	numberStep  = 387_420_489
)

var numberUndo = new(big.Int).ModInverse(big.NewInt(numberStep), big.NewInt(numberSpace)).Uint64()

func orderNumber(seed uint64, order uint32) int {
	return int((mixBits(seed)%numberSpace + uint64(order)*numberStep) % numberSpace)
}

// orderOf is the inverse of orderNumber. The result may be greater than the number of orders.
func orderOf(seed, number uint64) uint64 {
	return (number + numberSpace - mixBits(seed)%numberSpace) % numberSpace * numberUndo % numberSpace
}

// appendOrderID appends an order's id: S and nine digits.
func appendOrderID(b []byte, seed uint64, order uint32) []byte {
	return appendPadded(append(b, 'S'), orderNumber(seed, order), 9)
}
