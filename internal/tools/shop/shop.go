// Package shop generates the events of an imaginary shop, for the demonstration and the benchmarks.
//
// It owns the generated project folders, the generated events and an independent ledger with the expected result of every
// batch and every order. It guarantees that equal options give equal bytes, and that the ledger is kept in whole cents while
// generating, never by reading the files back. It must not import any other package of this program, because it must not
// share code with what it is compared with.
package shop

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
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

// appendHex appends the 16 hex digits of a number.
func appendHex(b []byte, x uint64) []byte {
	return hex.AppendEncode(b, binary.BigEndian.AppendUint64(make([]byte, 0, 8), x))
}

// Order numbers have nine digits. Multiplying by a step that has no common factor with 10^9 makes them look unrelated, keeps
// them distinct, and can be inverted.
const (
	numberSpace = 1_000_000_000
	numberStep  = 387_420_489
)

var numberUndo = new(big.Int).ModInverse(big.NewInt(numberStep), big.NewInt(numberSpace)).Uint64()

// appendOrderID appends an order's id: S and its number.
func appendOrderID(b []byte, seed uint64, order uint32) []byte {
	return appendNumbered(b, 'S', (mixBits(seed)%numberSpace+uint64(order)*numberStep)%numberSpace, numberSpace)
}

// appendNumbered appends a letter and the digits of a number below limit, a power of ten, with leading zeros.
func appendNumbered(b []byte, letter byte, number, limit uint64) []byte {
	at := len(b)
	b = strconv.AppendUint(b, limit+number, 10) // the 1 before the digits becomes the letter
	b[at] = letter
	return b
}

// orderOf returns the order of a number. The result may be greater than the number of orders.
func orderOf(seed, number uint64) uint64 {
	return (number + numberSpace - mixBits(seed)%numberSpace) % numberSpace * numberUndo % numberSpace
}
