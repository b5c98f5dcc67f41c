// Entries of bank accounts and credit cards.

package ofx

import (
	"hash/maphash"
	"strings"

	"bursar/internal/aggregate/statement"
)

// acceptEntry tells an entry, however little it says: what lacks a date or an amount is for quarantine (rule 10).
func (p *reader) acceptEntry() error {
	r := &p.record
	if p.current.report == "" && p.responseUnread {
		return nil
	}
	if p.current.report == "" {
		return statement.Refuse(r.place, "<%s> outside of a statement", r.nodes[0].name)
	}
	if !p.current.isBank() {
		return p.transaction()
	}
	if err := p.beginStatement(); err != nil {
		return err
	}
	reference := r.get("FITID")
	p.currentEntry = statement.Entry{
		Place: r.place, Amount: amount(r.get("TRNAMT")), Currency: p.current.Currency,
		Booked: date(r.get("DTPOSTED")), Value: optionalDate(r.get("DTAVAIL")),
		Reference: reference, Unique: strings.Trim(reference, "0") != "",
		Own: firstNonEmpty(r.get("CHECKNUM"), r.get("REFNUM")), Code: strings.ToUpper(r.get("TRNTYPE")),
		Party: firstNonEmpty(r.get("NAME"), r.valueIn("PAYEE", "NAME"), r.get("PAYEE")),
		Peer:  firstNonEmpty(r.valueIn("BANKACCTTO", "ACCTID"), r.valueIn("CCACCTTO", "ACCTID")),
		Text:  r.get("MEMO"),
	}
	// Under CURRENCY the amount is in that currency; under ORIGCURRENCY the bank has converted it.
	if stated := firstNonEmpty(r.valueIn("CURRENCY", "CURSYM"), r.get("CURRENCY")); len(stated) == len("EUR") {
		p.currentEntry.Currency = strings.ToUpper(stated)
	}
	p.markPending(r)
	if p.currentEntry.Booked == "" {
		p.currentEntry.Booked = "not stated" // and no day is read: that of the statement would be a guess
	}
	p.applyCorrection(r)
	if err := p.checkUnique(); err != nil {
		return err
	}
	if err := p.emitEntry(); err != nil {
		return err
	}
	return p.balancesInEntry(r)
}

// emitEntry tells the entry, or holds it until its statement has ended.
func (p *reader) emitEntry() error {
	if p.current.isForeign(&p.currentEntry) {
		return p.current.foreign.add(&p.currentEntry)
	}
	if err := p.handler.Entry(&p.currentEntry); err != nil {
		return err
	}
	return p.handler.EndEntry()
}

// balancesInEntry tells the balances that stand within an entry because its end tag, and that of the list, are forgotten. Where the entry
// has an end, they are values of the bank's own.
func (p *reader) balancesInEntry(r *record) error {
	for i := 0; i < len(r.nodes) && !r.ended; i++ {
		n := &r.nodes[i]
		if n.parent != 0 || n.name != "LEDGERBAL" && n.name != "AVAILBAL" {
			continue
		}
		if err := p.emitBalanceAt(i); err != nil {
			return err
		}
	}
	return nil
}

// markPending marks an entry of the list of those that are not booked yet. Its FITID, if it has one, is that of the booked one to come.
func (p *reader) markPending(r *record) {
	listed := false
	for i := range p.open {
		listed = listed || p.open[i].name == "BANKTRANLISTP"
	}
	if !listed && r.nodes[0].name != "STMTTRNP" {
		return
	}
	p.currentEntry.Status, p.currentEntry.Unique = "PDNG", false
	if p.currentEntry.Booked == "" {
		p.currentEntry.Booked = date(r.get("DTTRAN"))
	}
}

// referenceHash tells FITIDs apart within one reading: its two halves are independent.
type referenceHash [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func hashReference(reference string) referenceHash {
	return referenceHash{maphash.String(seeds[0], reference), maphash.String(seeds[1], reference)}
}

// hashContent digests what tells an entry apart from another of its name.
func hashContent(e *statement.Entry) uint64 {
	buffer := make([]byte, 0, 256)
	for _, t := range [...]string{e.Amount, e.Currency, e.Booked, e.Value, e.Own, e.Code, e.Party, e.Peer, e.Text, e.Corrects} {
		buffer = append(append(buffer, t...), 0)
	}
	return maphash.Bytes(seeds[0], buffer)
}

// maxEntries is how many FITIDs of one statement are told apart: they take some 100 bytes of memory each.
const maxEntries = 20_000_000

// checkUnique holds the bank to its promise that a FITID names one entry of the account. Another entry of the same name, such
// as the fee for it, is told apart by what it says. One that says the same counts once, and the statement does not hold:
// nobody can tell whether it is a second payment.
func (p *reader) checkUnique() error {
	e := &p.currentEntry
	if !e.Unique {
		return nil
	}
	if p.current.seen == nil {
		p.current.seen = map[referenceHash]firstEntry{}
	}
	name, content := hashReference(e.Reference), hashContent(e)
	p.current.markReplaced(e, name)
	before, again := p.current.seen[name]
	switch {
	case !again && len(p.current.seen) >= maxEntries:
		return statement.Refuse(e.Place, "the statement has more than %d entries", maxEntries).Advise("split it by day")
	case !again:
		p.current.seen[name] = firstEntry{content, movedAmount(e)}
	case before.content != content:
		e.Shared = true
		p.current.addShared(name, e)
	case p.current.Fault == "":
		p.current.Fault = "FITID " + e.Reference + " names two entries of " + e.Amount + " that say the same: they count once"
	}
	return nil
}
