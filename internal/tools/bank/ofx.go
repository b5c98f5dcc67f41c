// OFX Direct Connect: sign-on, and the answers to each kind of request.

package bank

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// ofxAnswer is an answer that is being written.
type ofxAnswer struct {
	*ofxWriter
	bank   *Bank
	call   *call
	user   *user     // nil unless the sign-on was accepted
	signOn ofxStatus // of the sign-on; every transaction of a refused one has it, too
	number uint64    // of the answer
}

func (b *Bank) answerOFX(c *call) response {
	if c.Method != http.MethodPost {
		return plain(http.StatusMethodNotAllowed, "OFX requests are posted")
	}
	version, root, err := readOFX(string(c.body))
	if err != nil {
		b.counts.count(func(r *Report) { r.UnreadableRequests++ })
		return plain(http.StatusBadRequest, err.Error())
	}
	number := mix(b.options.Seed, label("answer"), b.counts.answers.Add(1))
	a := &ofxAnswer{ofxWriter: newOFXWriter(version, idText(number)), bank: b, call: c, number: number}
	profileOnly := len(root.children) == 2 && root.children[1].name == "PROFMSGSRQV1"
	if a.signOn = ofxOK; !profileOnly { // the profile is for everybody
		a.user, a.signOn = b.signOn(c, root.find("SIGNONMSGSRQV1", "SONRQ"))
	}
	a.aggregate("OFX", func() {
		a.signedOn()
		for _, set := range root.children {
			a.messages(set)
		}
	})
	r := response{status: http.StatusOK, contentType: "application/x-ofx", body: a.out.Bytes()}
	if c.plan.cut {
		b.counts.fault("cut")
		r.body = r.body[:int(c.plan.cutAt*float64(len(r.body)-len("</OFX>\r\n")))]
	}
	return r
}

// signOn checks the credentials of a request.
func (b *Bank) signOn(c *call, q *element) (*user, ofxStatus) {
	u := b.byName[q.text("USERID")]
	if u == nil {
		b.counts.count(func(r *Report) { r.WrongPasswords++ })
		return nil, ofxWrongPassword
	}
	switch u.logIn(q.text("USERPASS")) {
	case rejected:
		b.counts.count(func(r *Report) { r.WrongPasswords++ })
		return nil, ofxWrongPassword
	case lockedOut:
		b.counts.count(func(r *Report) { r.LoginsWhileLocked++ })
		return nil, ofxLockedOut
	case accepted:
	}
	switch u.check(q.text("AUTHTOKEN"), b.now(), b.faults.TrustFor) {
	case missing:
		b.counts.count(func(r *Report) { r.OneTimePasswords++ })
		return nil, ofxTokenRequired
	case wrong:
		b.counts.count(func(r *Report) { r.WrongOneTime++ })
		return nil, ofxTokenIsNotValid
	case unneeded, right:
	}
	b.counts.count(func(r *Report) { r.Logins++ })
	if c.plan.expire {
		b.counts.fault("expire")
		return nil, ofxExpired
	}
	return u, ofxOK
}

func (a *ofxAnswer) signedOn() {
	a.aggregate("SIGNONMSGSRSV1", func() {
		a.aggregate("SONRS", func() {
			a.status(a.signOn)
			a.leaves("DTSERVER", ofxTime(a.bank.now()), "LANGUAGE", "ENG", "DTPROFUP", ofxTime(a.bank.started))
			a.aggregate("FI", func() { a.leaves("ORG", organization, "FID", financialID) })
		})
	})
}

// messages answers a set of messages, with the answers in the order of the requests.
func (a *ofxAnswer) messages(set *element) {
	answers := map[string]func(request *element){
		"PROFTRNRQ": a.profile, "ACCTINFOTRNRQ": a.accountInfo, "STMTTRNRQ": a.statement, "CCSTMTTRNRQ": a.statement,
	}
	name, ok := strings.CutSuffix(set.name, "RQV1")
	if !ok || set.name == "SIGNONMSGSRQV1" {
		return
	}
	a.aggregate(name+"RSV1", func() {
		for _, request := range set.children {
			answer, known := answers[request.name]
			if !known {
				answer = func(q *element) { a.transaction(q, ofxUnsupported, nil) }
			}
			answer(request)
		}
	})
}

// transaction writes the answer to one request: a status, and content if that is good.
func (a *ofxAnswer) transaction(request *element, s ofxStatus, content func()) {
	if a.signOn != ofxOK {
		s = a.signOn
	}
	uid := request.text("TRNUID")
	if uid == "" {
		uid = "0"
	}
	a.aggregate(strings.TrimSuffix(request.name, "RQ")+"RS", func() {
		a.leaves("TRNUID", uid)
		a.status(s)
		if cookie := request.text("CLTCOOKIE"); cookie != "" {
			a.leaves("CLTCOOKIE", cookie)
		}
		if s == ofxOK && content != nil {
			content()
		}
	})
}

func (a *ofxAnswer) accountInfo(request *element) {
	a.transaction(request, ofxOK, func() {
		a.aggregate("ACCTINFORS", func() {
			a.leaves("DTACCTUP", ofxTime(a.bank.started))
			for _, listed := range a.user.accounts {
				a.aggregate("ACCTINFO", func() { a.describe(listed) })
			}
		})
	})
}

func (a *ofxAnswer) describe(listed *account) {
	a.leaves("DESC", listed.name())
	name := "BANKACCTINFO"
	if listed.kind == card {
		name = "CCACCTINFO"
	}
	a.aggregate(name, func() {
		a.from(listed)
		a.leaves("SUPTXDL", "Y", "XFERSRC", "N", "XFERDEST", "N", "SVCSTATUS", "ACTIVE")
	})
}

func (a *ofxAnswer) from(of *account) {
	if of.kind == card {
		a.aggregate("CCACCTFROM", func() { a.leaves("ACCTID", of.currentID()) })
		return
	}
	a.aggregate("BANKACCTFROM", func() { a.leaves("BANKID", bankID, "ACCTID", of.currentID(), "ACCTTYPE", of.kind) })
}

// statementRequest is what a statement is asked for.
type statementRequest struct {
	account      *account
	from, before time.Time // without before
	transactions bool
}

// statement answers a request for a statement of a bank account or a card.
func (a *ofxAnswer) statement(request *element) {
	q, status := a.readStatement(request)
	if a.call.plan.general && status == ofxOK && a.signOn == ofxOK {
		a.bank.counts.fault("general")
		status = ofxGeneral
	}
	a.transaction(request, status, func() { a.writeStatement(q) })
}

func (a *ofxAnswer) readStatement(request *element) (q statementRequest, s ofxStatus) {
	body, from := request.find("STMTRQ"), "BANKACCTFROM"
	kind := body.text(from, "ACCTTYPE")
	if request.name == "CCSTMTTRNRQ" {
		body, from, kind = request.find("CCSTMTRQ"), "CCACCTFROM", card
	}
	q.account = a.bank.find(body.text(from, "ACCTID"))
	if a.user == nil || q.account == nil || !slices.Contains(a.user.accounts, q.account) || q.account.kind != kind ||
		kind != card && body.text(from, "BANKID") != bankID {
		return q, ofxUnknownAccount
	}
	id := q.account.currentID()
	a.bank.counts.count(func(r *Report) { r.ByAccount[id]++ })
	a.bank.reissue(a.call, q.account)
	s = q.interval(body.find("INCTRAN"), a.bank.now())
	return q, s
}

// interval reads the days that a request asks for. Without a first day it is everything, without a last one up to now.
func (q *statementRequest) interval(included *element, now time.Time) ofxStatus {
	q.transactions = included.text("INCLUDE") == "Y"
	today := now.Truncate(day)
	q.before = today.Add(day)
	if text := included.text("DTSTART"); text != "" {
		from, ok := ofxDay(text)
		if !ok {
			return ofxBadDates
		}
		q.from = from
	}
	if text := included.text("DTEND"); text != "" {
		end, ok := ofxDay(text)
		if !ok || end.Before(q.from) {
			return ofxBadDates
		}
		q.before = end.Add(day)
	}
	return ofxOK
}

func (a *ofxAnswer) writeStatement(q statementRequest) {
	name := "STMTRS"
	if q.account.kind == card {
		name = "CCSTMTRS"
	}
	a.bank.act(q.account, func(l *Ledger) {
		a.aggregate(name, func() {
			a.leaves("CURDEF", q.account.currency)
			a.from(q.account)
			if q.transactions {
				a.transactions(l, q)
			}
			a.balances(l)
		})
	})
}

func (a *ofxAnswer) transactions(l *Ledger, q statementRequest) {
	a.aggregate("BANKTRANLIST", func() {
		first := q.from
		if first.IsZero() {
			first = a.bank.started.AddDate(0, -a.bank.options.Statements, 0)
		}
		last := q.before.Add(-time.Second)
		if now := a.bank.now(); last.After(now) {
			last = now
		}
		a.leaves("DTSTART", ofxTime(first), "DTEND", ofxTime(last))
		for _, of := range l.between(q.from, q.before) {
			for _, r := range l.shown(of) {
				a.entry(r, q.account.temporary)
			}
		}
	})
}

func (a *ofxAnswer) entry(r *record, temporary bool) {
	kind, id := "CREDIT", r.id
	if r.cents < 0 {
		kind = "DEBIT"
	}
	if temporary {
		id = mix(id, a.number)
	}
	a.aggregate("STMTTRN", func() {
		a.leaves("TRNTYPE", kind, "DTPOSTED", ofxTime(tickTime(r.booked)), "DTUSER", ofxTime(tickTime(r.made)), "TRNAMT", amount(r.cents),
			"FITID", idText(id), "NAME", r.party(), "MEMO", r.purpose())
	})
}

// balances are as of now, whatever interval is asked for.
func (a *ofxAnswer) balances(l *Ledger) {
	now := ofxTime(a.bank.now())
	booked, available := l.stated()
	a.aggregate("LEDGERBAL", func() { a.leaves("BALAMT", amount(booked), "DTASOF", now) })
	a.aggregate("AVAILBAL", func() { a.leaves("BALAMT", amount(available), "DTASOF", now) })
	if l.card {
		a.aggregate("BALLIST", func() {
			a.aggregate("BAL", func() {
				a.leaves("NAME", "AmountDue", "DESC", "Amount due", "BALTYPE", "DOLLAR", "VALUE", amount(l.due), "DTASOF", now)
			})
		})
	}
}
