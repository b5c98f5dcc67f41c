// Package statement defines what every statement format is read into: statements, balances, entries and their
// details. It owns these types, exact amounts, and the places that errors name. A format's reader calls a Handler
// while it reads, so that a file of any size is read in bounded memory. The package imports no other package of the
// project but failure and does no I/O.
//
// Texts are UTF-8, trimmed, and empty where a file states nothing. Dates are written as "2006-01-02", times as RFC
// 3339 with the offset that the file gives, or as "2006-01-02T15:04:05" where it gives none; amounts are signed
// decimals, positive for credits. A date or an amount that cannot be read is passed on as written: intake quarantines
// its row with the reason, and the statement can no longer be proven (rules 2 and 10).
package statement

import (
	"cmp"
	"strings"
)

// Kind is the purpose of a message. The same entry may occur in one message of each kind.
type Kind string

// The kinds of message.
const (
	Booked       Kind = "statement"    // an account's record of an interval: CAMT.053, MT940, OFX, CSV
	Report       Kind = "report"       // the entries so far, within a day: CAMT.052, MT942
	Notification Kind = "notification" // single credits and debits: CAMT.054
)

// Statement is one statement of one account, as the file states it.
type Statement struct {
	Place        Place  // its start
	Format       string // such as "camt.053.001.08", "mt940", "ofx 1.0.2"; for CSV "csv " and the institution
	Kind         Kind
	Servicer     string // the bank: a BIC, or the bank id within which the account number is unique
	Account      string // an IBAN without blanks, or else the bank's number as written
	IBAN         bool   // Account is an IBAN, which is unique without its servicer
	Name         string // of the account or of its owner
	Currency     string // of the account; empty where only amounts have a currency
	Reference    string // the statement's id: Stmt/Id, :20:
	Number       string // the sequence number: ElctrncSeqNb, else LglSeqNb; :28C:
	Page         string // the page number, of a statement in several pages
	Partial      bool   // there are other pages; the stated totals may cover all of them
	MorePages    bool   // another page follows
	Created      string // time of creation
	From, To     string // first and last date of the interval, where stated
	Stated       Totals // totals that the bank states
	MoreMessages bool   // another page of the message follows, which may continue this statement
	Fault        string // a control total that the reader checked and found wrong, with both figures; set before End
}

// Totals are the totals that a bank states; empty where it states none. Sums of credits and of debits have no sign.
// Sum is the net sum, signed where the file states whether it is a credit or a debit.
type Totals struct {
	Count, Sum             string
	CreditCount, CreditSum string
	DebitCount, DebitSum   string
}

// Balance is one balance of a statement.
type Balance struct {
	Place    Place
	Code     string // ISO 20022 (OPBD, CLBD, OPAV, CLAV, PRCD, ITBD, FWAV, INFO …), or the bank's own code
	Subtype  string
	Amount   string
	Currency string
	Date     string
}

// Balance codes of ISO 20022, used for all formats.
const (
	OpeningBooked    = "OPBD"
	PreviousClosing  = "PRCD"
	ClosingBooked    = "CLBD"
	InterimBooked    = "ITBD"
	OpeningAvailable = "OPAV"
	ClosingAvailable = "CLAV"
	InterimAvailable = "ITAV"
	ForwardAvailable = "FWAV"
	Information      = "INFO"
)

// StatusInformation is the status of an entry that does not change the balance.
const StatusInformation = "INFO"

// Entry is one entry of a statement. The fields up to Refused are set when Handler.Entry is called and do not change
// afterwards; Text, Operations and Charges are set when EndEntry is called.
type Entry struct {
	Place     Place
	Amount    string // signed: the change of the account's balance
	Currency  string
	Booked    string // date of booking
	Value     string // value date
	Status    string // ISO 20022: BOOK, PDNG, INFO, FUTR; empty means booked
	Reversal  bool   // reverses an earlier entry; Amount is the effect of this entry
	Reference string // the servicer's: AcctSvcrRef, the bank reference of :61:, FITID
	Own       string // the second reference: NtryRef, the customer reference of :61:, CHECKNUM
	Unique    bool   // the format promises that Reference is unique within the account (FITID)
	Shared    bool   // the promise is broken: an earlier entry of the statement has the same Reference
	Corrects  string // the Reference of the entry that this one replaces (CORRECTFITID); a deletion has the status StatusInformation
	Replaced  bool   // an earlier entry of the statement replaces this one
	Code      string // the transaction code: BkTxCd, the type of :61:, TRNTYPE
	Party     string // name of the counterparty
	Peer      string // account of the counterparty

	Replaces *Replacement // the earlier entries of the statement that this one replaces; nil if none

	Refused *Refusal // why the entry cannot be ingested, where the reader knows more than intake; an amount or a date is then unreadable

	Text       string   // the bank's description
	Operations string   // number of operations in the entry, where stated
	Charges    *Charges // charges that the bank states; nil if none
}

// Replacement lists the earlier entries of a statement that an entry replaces.
type Replacement struct {
	Amounts []string // amounts that no longer count in the statement
}

// Refusal is the reason why an entry cannot be ingested.
type Refusal struct {
	Column string // column of the stream entries; empty if the whole row is unreadable
	Reason string // names the file's column, its content, and what to declare
}

// Charges are the charges that a bank states, in the entry's currency and signed: negative where the account pays.
// Banks differ in whether a stated amount includes them.
type Charges struct {
	All      string // the sum of all charges
	Included string // the sum of those marked as included
	Unusable bool   // a charge has another currency or cannot be read, so the sums are incomplete
}

// Detail is one transaction of an entry.
type Detail struct {
	Place          Place
	Amount         string // signed
	Currency       string
	Reference      string // the servicer's reference
	Transaction    string // TxId
	EndToEnd       string
	Instruction    string
	Mandate        string
	Party          string // name of the counterparty
	Peer           string // account of the counterparty
	Bank           string // bank of the counterparty
	Text           string // remittance information
	SettlementDate string // date of the interbank settlement
	Instructed     bool   // Amount is the ordered amount, before charges and exchange; it may differ from the entry's
	Charges        *Charges
}

// Notice is a part of a file that is not a statement of a bank account: a sign-on status, a list of accounts, an
// investment position. It is reported and makes no event.
type Notice struct {
	Place  Place   `json:"place"`
	What   string  `json:"what"` // such as "status", "account", "position", "security", "investment"
	Fields []Field `json:"fields,omitempty"`
	Count  int64   `json:"count,omitempty"` // of a notice for several occurrences: their number; Place is the first
}

// Field is one stated value of a notice.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Handler receives what a file states, in the file's order: Begin (Balance | Entry Detail* EndEntry)* End for each
// statement, and Notice anywhere. The reader may change and reuse what a pointer refers to: Begin's until End,
// Entry's until EndEntry. A Handler must not keep the pointers. An error stops the reader, which returns it.
type Handler interface {
	Begin(s *Statement) error // the fields that precede balances and entries are set
	Balance(b *Balance) error
	Entry(e *Entry) error
	Detail(d *Detail) error
	EndEntry() error // the entry's text, operations and charges are set
	End() error      // all fields of the statement are set
	Notice(n *Notice) error
}

// IsBooked reports whether a message adds up entries of a status; others are only announced. An entry for information
// does not move a booked balance; in a notification, which has no balance, it is the notified amount.
func (k Kind) IsBooked(status string) bool {
	return status != "PDNG" && status != "FUTR" && (status != "INFO" || k == Notification)
}

// StoredStatus is an entry's status as its stream has it. Banks have own codes for booked entries, or none.
func (e *Entry) StoredStatus() string {
	switch e.Status {
	case "PDNG", "FUTR", "INFO":
		return e.Status
	}
	return "BOOK"
}

// CSVFormat begins the format of CSV statements; the name of their institution follows.
const CSVFormat = "csv "

// CSVInstitution is the institution whose CSV files have a format; empty for other formats.
func CSVInstitution(format string) string {
	name, csv := strings.CutPrefix(format, CSVFormat)
	if !csv {
		return ""
	}
	return name
}

// IsCAMT reports whether a statement's format leaves the direction of reversals open. By its definition an entry has
// the direction of its effect on the account; some banks write the direction of the entry that is reversed.
func (s *Statement) IsCAMT() bool { return strings.HasPrefix(s.Format, "camt") }

// IsMT reports whether a statement's format cuts long references.
func (s *Statement) IsMT() bool { return strings.HasPrefix(s.Format, "mt") }

// IsOFX reports whether a statement's format has FITIDs.
func (s *Statement) IsOFX() bool { return strings.HasPrefix(s.Format, "ofx") }

// Emitter calls a Handler for a reader until something fails, and keeps the first error. The reader goes on, without
// effect, up to where it next looks at Err: once for each line, row or element.
type Emitter struct {
	Err     error
	handler Handler
}

// NewEmitter returns the emitter for a handler.
func NewEmitter(h Handler) Emitter { return Emitter{handler: h} }

// Fail keeps an error, unless there was one before.
func (e *Emitter) Fail(err error) { e.Err = cmp.Or(e.Err, err) }

// emit calls a method of the handler, unless there was an error before.
func emit[T any](e *Emitter, method func(Handler, T) error, value T) {
	if e.Err == nil {
		e.Err = method(e.handler, value)
	}
}

// Begin begins a statement.
func (e *Emitter) Begin(s *Statement) { emit(e, Handler.Begin, s) }

// Balance emits a balance.
func (e *Emitter) Balance(b *Balance) { emit(e, Handler.Balance, b) }

// Entry begins an entry.
func (e *Emitter) Entry(n *Entry) { emit(e, Handler.Entry, n) }

// Detail emits a detail.
func (e *Emitter) Detail(d *Detail) { emit(e, Handler.Detail, d) }

// EndEntry ends an entry.
func (e *Emitter) EndEntry() {
	if e.Err == nil {
		e.Err = e.handler.EndEntry()
	}
}

// End ends a statement.
func (e *Emitter) End() {
	if e.Err == nil {
		e.Err = e.handler.End()
	}
}

// Notice emits a notice.
func (e *Emitter) Notice(n *Notice) { emit(e, Handler.Notice, n) }

// Discard is a Handler that ignores every call.
type Discard struct{}

// Begin does nothing.
func (Discard) Begin(*Statement) error { return nil }

// Balance does nothing.
func (Discard) Balance(*Balance) error { return nil }

// Entry does nothing.
func (Discard) Entry(*Entry) error { return nil }

// Detail does nothing.
func (Discard) Detail(*Detail) error { return nil }

// EndEntry does nothing.
func (Discard) EndEntry() error { return nil }

// End does nothing.
func (Discard) End() error { return nil }

// Notice does nothing.
func (Discard) Notice(*Notice) error { return nil }
