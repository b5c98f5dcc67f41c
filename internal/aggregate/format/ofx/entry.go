// Reads entries of bank accounts and credit cards, and those that replace or delete others (CORRECTFITID).

package ofx

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// acceptEntry reports an entry, even without a date or an amount: intake quarantines it then (rule 10).
func (p *reader) acceptEntry() {
	r := &p.record
	switch {
	case p.current.element == "" && p.responseUnread:
		return
	case p.current.element == "":
		p.out.Fail(statement.Refuse(r.place, "<%s> outside of a statement", r.nodes[0].name))
		return
	case !p.current.isBank():
		p.transaction()
		return
	}
	p.beginStatement()
	reference := r.get("FITID")
	p.currentEntry = statement.Entry{
		Place: r.place, Amount: amount(r.get("TRNAMT")), Currency: p.current.Currency,
		Booked: date(r.get("DTPOSTED")), Value: optionalDate(r.get("DTAVAIL")),
		Reference: reference, Unique: strings.Trim(reference, "0") != "",
		Own: cmp.Or(r.get("CHECKNUM"), r.get("REFNUM")), Code: strings.ToUpper(r.get("TRNTYPE")),
		Party: cmp.Or(r.get("NAME"), r.valueIn("PAYEE", "NAME"), r.get("PAYEE")),
		Peer:  cmp.Or(r.valueIn("BANKACCTTO", "ACCTID"), r.valueIn("CCACCTTO", "ACCTID")),
		Text:  r.get("MEMO"),
	}
	// Under CURRENCY the amount is in that currency; under ORIGCURRENCY the bank has converted it.
	if stated := cmp.Or(r.valueIn("CURRENCY", "CURSYM"), r.get("CURRENCY")); len(stated) == len("EUR") {
		p.currentEntry.Currency = strings.ToUpper(stated)
	}
	p.markPending(r)
	p.currentEntry.Booked = cmp.Or(p.currentEntry.Booked, "not stated") // not a valid day, because the statement's day would be a guess
	p.applyCorrection(r)
	p.checkUnique()
	p.emitEntry()
	p.balancesInEntry(r)
}

// emitEntry reports the entry, or keeps it until its statement has ended.
func (p *reader) emitEntry() {
	if own := p.current.Currency; own != "" && p.currentEntry.Currency != own {
		p.out.Fail(p.current.foreign.add(&p.currentEntry))
		return
	}
	p.out.Entry(&p.currentEntry)
	p.out.EndEntry()
}

// balancesInEntry reports the balances inside an entry whose end tag, and that of the list, is missing. If the entry
// has an end tag, they are proprietary values of the bank.
func (p *reader) balancesInEntry(r *record) {
	for i := 0; i < len(r.nodes) && !r.ended; i++ {
		if n := &r.nodes[i]; n.parent == 0 && (n.name == "LEDGERBAL" || n.name == "AVAILBAL") {
			p.emitBalanceAt(i)
		}
	}
}

// markPending marks an entry in the list of pending ones. Its FITID, if it has one, will be that of the booked entry.
func (p *reader) markPending(r *record) {
	listed := false
	for i := range p.open {
		listed = listed || p.open[i].name == "BANKTRANLISTP"
	}
	if !listed && r.nodes[0].name != "STMTTRNP" {
		return
	}
	p.currentEntry.Status, p.currentEntry.Unique = "PDNG", false
	p.currentEntry.Booked = cmp.Or(p.currentEntry.Booked, date(r.get("DTTRAN")))
}

// referenceHash identifies a FITID within one read, by two independent hashes.
type referenceHash [2]uint64

var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func hashReference(reference string) referenceHash {
	return referenceHash{maphash.String(seeds[0], reference), maphash.String(seeds[1], reference)}
}

// hashContent hashes the fields that distinguish entries with the same FITID.
func hashContent(e *statement.Entry) uint64 {
	buffer := make([]byte, 0, 256)
	for _, t := range [...]string{e.Amount, e.Currency, e.Booked, e.Value, e.Own, e.Code, e.Party, e.Peer, e.Text, e.Corrects} {
		buffer = append(append(buffer, t...), 0)
	}
	return maphash.Bytes(seeds[0], buffer)
}

// maxEntries is the maximum number of FITIDs of a statement; each takes about 100 bytes of memory.
const maxEntries = 20_000_000

// checkUnique checks that a FITID names one entry of the account. Another entry with the same FITID, such as its fee,
// is distinguished by its content. An identical entry counts once and makes a fault, because it may be a second
// payment.
func (p *reader) checkUnique() {
	e := &p.currentEntry
	if !e.Unique {
		return
	}
	name, content := hashReference(e.Reference), hashContent(e)
	p.current.markReplaced(e, name)
	before, again := p.current.seen[name]
	switch {
	case !again && len(p.current.seen) >= maxEntries:
		p.out.Fail(statement.Refuse(e.Place, "the statement has more than %d entries", maxEntries).Advise("split it by day"))
	case !again:
		p.current.seen[name] = firstEntry{content, movedAmount(e)}
	case before.content != content:
		e.Shared = true
		if amount := movedAmount(e); amount != "" {
			p.current.shared[name] = append(p.current.shared[name], amount)
		}
	case p.current.Fault == "":
		p.current.Fault = "FITID " + e.Reference + " names two entries of " + e.Amount + " that say the same: they count once"
	}
}

// corrections are the replaced entries of a statement, by FITID.
type corrections struct {
	shared   map[referenceHash][]string // amounts of the entries that share the FITID of an earlier one
	replaced map[referenceHash]bool
}

// firstEntry is the content hash and the amount of the first entry with a FITID. The amount is "" once another entry
// has replaced it.
type firstEntry struct {
	content uint64
	amount  string
}

// applyCorrection marks an entry that replaces or deletes the entry of another FITID. A deletion moves nothing
// itself. If the file does not state which entry to correct and how, the amount is made unreadable, so that the entry
// is quarantined.
func (p *reader) applyCorrection(r *record) {
	e, corrected, action := &p.currentEntry, r.get("CORRECTFITID"), strings.ToUpper(r.get("CORRECTACTION"))
	if corrected == "" {
		return
	}
	problem := ""
	switch {
	case action != "REPLACE" && action != "DELETE":
		problem = fmt.Sprintf("CORRECTACTION is %q: it is neither REPLACE nor DELETE", action)
	case strings.Trim(corrected, "0") == "":
		problem = fmt.Sprintf("CORRECTFITID %s does not name an entry", corrected)
	case !e.Unique:
		problem = "only a booked entry with a FITID of its own can replace or delete another"
	}
	switch {
	case problem != "":
		e.Text = strings.TrimSpace("CORRECTACTION:" + action + " CORRECTFITID:" + corrected + " " + e.Text)
		e.Amount = e.Amount + " to " + cmp.Or(action, "CORRECT") + " FITID " + corrected
		e.Refused = &statement.Refusal{Column: "amount", Reason: problem}
	case action == "DELETE":
		e.Corrects, e.Status = corrected, statement.StatusInformation
		e.Text = strings.TrimSpace("deletes FITID " + corrected + " of " + statement.NormalAmount(e.Amount) + " " + e.Text)
		e.Amount = "0"
	default:
		e.Corrects = corrected
	}
}

// movedAmount is what an entry adds to its statement's sum; "" if nothing.
func movedAmount(e *statement.Entry) string {
	if e.Replaced || e.Status != "" {
		return ""
	}
	return e.Amount
}

// markReplaced marks an entry that an earlier one replaces, and lists the earlier entries that this one replaces.
func (w *statementState) markReplaced(e *statement.Entry, name referenceHash) {
	e.Replaced = w.replaced[name] && e.Corrects != e.Reference
	if e.Corrects == "" {
		return
	}
	corrected := hashReference(e.Corrects)
	before, amounts := w.seen[corrected], w.shared[corrected]
	if before.amount != "" {
		amounts = append(amounts, before.amount)
		before.amount = ""
		w.seen[corrected] = before
	}
	if len(amounts) > 0 {
		e.Replaces = &statement.Replacement{Amounts: amounts}
	}
	delete(w.shared, corrected)
	w.replaced[corrected] = true
}
