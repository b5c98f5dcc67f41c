// Package statement is the vocabulary of what banks send: statements, balances, entries and their details, as a file
// states them. It owns the types that every format is read into, exact amounts, and the places that errors name. A format's
// reader calls a Handler as it reads, so that a file of any size passes through bounded memory. It imports no other room
// but failure and does no I/O.
//
// Texts are UTF-8, trimmed, and empty where a file says nothing. Dates are written as "2006-01-02", times as RFC 3339 with the
// offset that the file gives, or as "2006-01-02T15:04:05" where it gives none; amounts as a signed decimal, credit above
// zero. A date or an amount that cannot be read stays as the file has it: intake puts its row into quarantine with the
// reason, and the statement cannot be proven any more (rules 2 and 10).
package statement

// Kind is what a message is for; the same entry may be told by one of each.
type Kind string

// The kinds of message.
const (
	Booked       Kind = "statement"    // an account's record of an interval: CAMT.053, MT940, OFX, CSV
	Report       Kind = "report"       // what happened so far, within a day: CAMT.052, MT942
	Notification Kind = "notification" // single credits and debits: CAMT.054
)

// Statement is one account's statement as a file states it.
type Statement struct {
	Place        Place  // where it starts
	Format       string // such as "camt.053.001.08", "mt940", "ofx 1.0.2"; of CSV the mapping's institution
	Kind         Kind
	Servicer     string // the bank: a BIC, or the bank id that the account number counts in
	Account      string // IBAN without spaces, else the bank's own number as it writes it
	IBAN         bool   // Account is an IBAN, which names an account without its servicer
	Name         string // of the account or its owner
	Currency     string // of the account; empty where only amounts have one
	Reference    string // the message's own name for it: Stmt/Id, :20:
	Number       string // the bank's running number: ElctrncSeqNb, else LglSeqNb; :28C:
	Page         string // of a statement in several parts
	Part         bool   // there are other parts of it: what it states may be of all of them together
	More         bool   // another page of it follows
	Created      string // a time
	From, To     string // dates of the interval, where the file states one
	Stated       Stated // totals that the bank states
	MoreMessages bool   // another page of its message follows, which may go on with it
	Fault        string // a control total that the reader itself found not to hold, with both figures; known at the end
}

// Stated are a statement's totals as the bank states them; empty where it does not. Sums of credits and debits have no sign;
// Sum is the net, signed where the file says whether it is credit or debit.
type Stated struct {
	Count, Sum             string
	CreditCount, CreditSum string
	DebitCount, DebitSum   string
}

// Balance is one balance of a statement.
type Balance struct {
	Place    Place
	Code     string // ISO 20022: OPBD, CLBD, OPAV, CLAV, PRCD, ITBD, FWAV, INFO …, or the bank's own
	Subtype  string
	Amount   string
	Currency string
	Date     string
}

// Codes of balances that every format is read into.
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

// ForInformation is the status of an entry that moves nothing.
const ForInformation = "INFO"

// Entry is one entry of a statement. What tells it apart from others is known when a Handler first sees it; Text, Operations
// and the fields after them when it ends.
type Entry struct {
	Place     Place
	Amount    string // signed: what the account moved by
	Currency  string
	Booked    string // date of booking
	Value     string // value date
	Status    string // ISO 20022: BOOK, PDNG, INFO, FUTR; empty is booked
	Reversal  bool   // takes an earlier entry back; Amount has the effect of this one
	Reference string // the servicer's: AcctSvcrRef, the bank reference of :61:, FITID
	Own       string // the entry's other name: NtryRef, the customer reference of :61:, CHECKNUM
	Unique    bool   // the format promises that Reference is the account's only entry of that name (FITID)
	Shared    bool   // the promise is not kept: the statement has another entry of that name before it
	Corrects  string // the Reference of the entry whose place this one takes (CORRECTFITID); one that only deletes it moves nothing
	Replaced  bool   // an entry before it in the statement takes its place
	Code      string // what it is for: BkTxCd, the type of :61:, TRNTYPE
	Party     string // the other side's name
	Peer      string // the other side's account

	Replaces *Replacement // what it takes the place of in the statement; nil if nothing

	Refused *Refusal // why it cannot be taken in, where the reader knows more than intake will see; an amount or a date is unreadable then

	Text       string   // what the bank says about it
	Operations string   // number of operations it stands for, where stated
	Charges    *Charges // that the bank states; nil if none
}

// Replacement is the entries before one in its statement whose place it takes.
type Replacement struct {
	Amounts []string // which the statement moves no more
}

// Refusal is why an entry cannot be taken in.
type Refusal struct {
	Column string // of the stream entries; empty where it is the whole row
	Reason string // names the file's own column, what stands there, and what to declare
}

// Charges are what a bank says that it took, in its currency and signed: below zero where the account pays. Banks do not agree on
// whether an amount that they state has them.
type Charges struct {
	All      string // their sum
	Included string // the sum of those that are said to be included
	Strange  bool   // one of them is in another currency than the entry, or cannot be read: the sums say nothing
}

// Detail is one transaction of an entry.
type Detail struct {
	Place       Place
	Amount      string // signed
	Currency    string
	Reference   string // the servicer's
	Transaction string // TxId
	EndToEnd    string
	Instruction string
	Mandate     string
	Party       string // the other side's name
	Peer        string // its account
	Bank        string // its bank
	Text        string // remittance information
	Settled     string // date of settlement
	Instructed  bool   // Amount is what was ordered, before charges and exchange: the entry may be another one
	Charges     *Charges
}

// Notice is what a file says that is no statement of a bank account: a sign-on status, a list of accounts, an
// investment position. It is reported, and makes no event.
type Notice struct {
	Place  Place   `json:"place"`
	What   string  `json:"what"` // such as "status", "account", "position", "security", "investment"
	Fields []Field `json:"fields,omitempty"`
	Count  int64   `json:"count,omitempty"` // of a notice that stands for several: how many, of which Place is the first
}

// Field is one stated value of a notice.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Handler takes what a file states, in the file's order: Begin (Balance | Entry Detail* EndEntry)* End for each statement,
// Notice anywhere. What a pointer leads to may change until its end is told and is not to be kept after it; the reader may
// use it again. An error ends the reading and is returned.
type Handler interface {
	Begin(s *Statement) error // what comes before its balances and entries is known
	Balance(b *Balance) error
	Entry(e *Entry) error
	Detail(d *Detail) error
	EndEntry() error // the entry's text and operations are known
	End() error      // so is everything of the statement
	Notice(n *Notice) error
}
