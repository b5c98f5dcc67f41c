// What is kept of an account besides its entries: suggestions, decisions about them, and what stated balances are compared with.

package ledger

import (
	"cmp"
	"slices"
	"time"
)

// State is what is kept of an account besides its entries. The zero value is that of an account of which nothing is known.
type State struct {
	Controls []Control    `json:"controls,omitempty"` // by currency, sorted
	Stated   []Stated     `json:"stated,omitempty"`   // the last balance of each kind and currency, sorted
	Open     []Suggestion `json:"open,omitempty"`     // oldest first
	Rejected []Pair       `json:"rejected,omitempty"` // never suggested again
	Links    bool         `json:"links,omitempty"`    // the institution names the pending transactions that posted ones post
}

// Kind is what a suggestion is about.
type Kind string

// The kinds of suggestions.
const (
	Posts    Kind = "posts"    // a pending transaction, and a posted one that may be the same with another amount or text
	Reissued Kind = "reissued" // a transaction under a new id, while the institution has not removed the old one
)

// Pair is two entries that may be the same transaction.
type Pair struct {
	Older string `json:"older"`
	Newer string `json:"newer"`
}

// Suggestion is a pair that a person decides about. Until then both count.
type Suggestion struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	Pair
	Evidence string    `json:"evidence"`
	At       time.Time `json:"at"`
}

const (
	// maxOpen bounds the suggestions about pending transactions. The oldest ones are dropped: nothing depends on them.
	maxOpen = 1000
	// maxAge is how long a suggestion about a pending transaction stays open.
	maxAge = 90 * 24 * time.Hour
)

func (s *State) clone() State {
	return State{slices.Clone(s.Controls), slices.Clone(s.Stated), slices.Clone(s.Open), slices.Clone(s.Rejected), s.Links}
}

// find is the position of an open suggestion, or -1.
func (s *State) find(id string) int {
	return slices.IndexFunc(s.Open, func(o Suggestion) bool { return o.ID == id })
}

// suggest adds a suggestion, unless it was made or rejected before.
func (b *book) suggest(kind Kind, older, newer *Entry, evidence string) {
	pair := Pair{older.ID, newer.ID}
	if b.rejected[pair] || b.suggested[pair] {
		return
	}
	b.suggested[pair] = true
	id := digest("suggestion", b.account.Institution, b.account.ID, pair.Older, pair.Newer)
	b.state.Open = append(b.state.Open, Suggestion{ID: id, Kind: kind, Pair: pair, Evidence: evidence, At: b.at})
}

// reject records that two entries are separate transactions.
func (b *book) reject(p Pair) {
	if !b.rejected[p] {
		b.rejected[p] = true
		b.state.Rejected = append(b.state.Rejected, p)
	}
}

// applies reports whether a suggestion still makes sense.
func (b *book) applies(s *Suggestion) bool {
	older, newer := b.entries[s.Older], b.entries[s.Newer]
	switch {
	case older == nil || newer == nil || newer.Status != Posted:
		return false
	case s.Kind == Reissued:
		return older.Status == Posted && older.key(Posted) == newer.key(Posted)
	}
	return older.isPending() && older.Status != Merged && b.at.Sub(s.At) <= maxAge
}

// prune drops suggestions that are decided or no longer make sense, and the oldest ones beyond the bound.
func (b *book) prune() {
	b.state.Open = slices.DeleteFunc(b.state.Open, func(s Suggestion) bool { return b.decidedPairs[s.Pair] || !b.applies(&s) })
	isPosts := func(s Suggestion) bool { return s.Kind == Posts }
	excess := -maxOpen
	for _, s := range b.state.Open {
		if isPosts(s) {
			excess++
		}
	}
	b.state.Open = slices.DeleteFunc(b.state.Open, func(s Suggestion) bool {
		if excess <= 0 || !isPosts(s) {
			return false
		}
		excess--
		return true
	})
}

// control is what the balances of a currency are compared with, or nil.
func (s *State) control(currency string) *Control {
	at, known := slices.BinarySearchFunc(s.Controls, currency, func(c Control, name string) int { return cmp.Compare(c.Currency, name) })
	if !known {
		return nil
	}
	return &s.Controls[at]
}

func (s *State) addControl(c Control) {
	at, _ := slices.BinarySearchFunc(s.Controls, c.Currency, func(o Control, name string) int { return cmp.Compare(o.Currency, name) })
	s.Controls = slices.Insert(s.Controls, at, c)
}
