// Entries of bank accounts and credit cards.

package ofx

import (
	"hash/maphash"
	"strings"

	"bursar/internal/aggregate/statement"
)

// entry tells an entry, however little it says: what lacks a date or an amount is for quarantine (rule 10).
func (p *reader) entry() error {
	r := &p.rec
	if p.in.report == "" && p.unread {
		return nil
	}
	if p.in.report == "" {
		return statement.Refuse(r.place, "<%s> outside of a statement", r.nodes[0].name)
	}
	if !p.in.bank() {
		return p.transaction()
	}
	if err := p.begin(); err != nil {
		return err
	}
	reference := r.get("FITID")
	p.row = statement.Entry{
		Place: r.place, Amount: amount(r.get("TRNAMT")), Currency: p.in.Currency,
		Booked: date(r.get("DTPOSTED")), Value: given(r.get("DTAVAIL")),
		Reference: reference, Unique: strings.Trim(reference, "0") != "",
		Own: either(r.get("CHECKNUM"), r.get("REFNUM")), Code: strings.ToUpper(r.get("TRNTYPE")),
		Party: either(r.get("NAME"), r.under("PAYEE", "NAME"), r.get("PAYEE")),
		Peer:  either(r.under("BANKACCTTO", "ACCTID"), r.under("CCACCTTO", "ACCTID")),
		Text:  r.get("MEMO"),
	}
	// Under CURRENCY the amount is in that currency; under ORIGCURRENCY the bank has converted it.
	if stated := either(r.under("CURRENCY", "CURSYM"), r.get("CURRENCY")); len(stated) == len("EUR") {
		p.row.Currency = strings.ToUpper(stated)
	}
	p.pending(r)
	if p.row.Booked == "" {
		p.row.Booked = "not stated" // and no day is read: that of the statement would be a guess
	}
	p.correction(r)
	if err := p.promise(); err != nil {
		return err
	}
	if err := p.emitEntry(); err != nil {
		return err
	}
	return p.behind(r)
}

// emitEntry tells the entry, or holds it until its statement has ended.
func (p *reader) emitEntry() error {
	if p.in.isForeign(&p.row) {
		return p.in.foreign.keep(&p.row)
	}
	if err := p.to.Entry(&p.row); err != nil {
		return err
	}
	return p.to.EndEntry()
}

// behind tells the balances that stand within an entry because its end tag, and that of the list, are forgotten. Where the entry
// has an end, they are values of the bank's own.
func (p *reader) behind(r *record) error {
	for i := 0; i < len(r.nodes) && !r.ended; i++ {
		n := &r.nodes[i]
		if n.owner != 0 || n.name != "LEDGERBAL" && n.name != "AVAILBAL" {
			continue
		}
		if err := p.balanceOf(i); err != nil {
			return err
		}
	}
	return nil
}

// pending marks an entry of the list of those that are not booked yet. Its FITID, if it has one, is that of the booked one to come.
func (p *reader) pending(r *record) {
	listed := false
	for i := range p.open {
		listed = listed || p.open[i].name == "BANKTRANLISTP"
	}
	if !listed && r.nodes[0].name != "STMTTRNP" {
		return
	}
	p.row.Status, p.row.Unique = "PDNG", false
	if p.row.Booked == "" {
		p.row.Booked = date(r.get("DTTRAN"))
	}
}

// naming tells FITIDs apart within one reading: its two halves are independent.
type naming [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func namingOf(reference string) naming {
	return naming{maphash.String(seeds[0], reference), maphash.String(seeds[1], reference)}
}

// contentOf digests what tells an entry apart from another of its name.
func contentOf(e *statement.Entry) uint64 {
	buffer := make([]byte, 0, 256)
	for _, t := range [...]string{e.Amount, e.Currency, e.Booked, e.Value, e.Own, e.Code, e.Party, e.Peer, e.Text, e.Corrects} {
		buffer = append(append(buffer, t...), 0)
	}
	return maphash.Bytes(seeds[0], buffer)
}

// maxEntries is how many FITIDs of one statement are told apart: they take some 100 bytes of memory each.
const maxEntries = 20_000_000

// promise holds the bank to its promise that a FITID names one entry of the account. Another entry of the same name, such
// as the fee for it, is told apart by what it says. One that says the same counts once, and the statement does not hold:
// nobody can tell whether it is a second payment.
func (p *reader) promise() error {
	e := &p.row
	if !e.Unique {
		return nil
	}
	if p.in.seen == nil {
		p.in.seen = map[naming]first{}
	}
	name, content := namingOf(e.Reference), contentOf(e)
	p.in.replace(e, name)
	before, again := p.in.seen[name]
	switch {
	case !again && len(p.in.seen) >= maxEntries:
		return statement.Refuse(e.Place, "the statement has more than %d entries", maxEntries).Advise("split it by day")
	case !again:
		p.in.seen[name] = first{content, moving(e)}
	case before.content != content:
		e.Shared = true
		p.in.again(name, e)
	case p.in.Fault == "":
		p.in.Fault = "FITID " + e.Reference + " names two entries of " + e.Amount + " that say the same: they count once"
	}
	return nil
}
