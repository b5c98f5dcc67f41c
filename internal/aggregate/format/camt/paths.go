// The table that maps elements to fields, and its tree, so that a path is matched element by element.

package camt

import (
	"strings"
)

// messageTree contains the paths below a message element. Versions differ in names but not in structure, so one table
// serves all of them.
var messageTree = new(node).add(
	binding{path: "GrpHdr/CreDtTm", text: func(f *fields) *string { return &f.message.created }},
	binding{path: "GrpHdr/MsgPgntn/PgNb", text: func(f *fields) *string { return &f.message.page }},
	binding{path: "GrpHdr/MsgPgntn/LastPgInd", text: func(f *fields) *string { return &f.message.last }},
	group("Stmt", (*message).startStatement, (*message).endStatement,
		withDeadline(statementBegun, []binding{
			{path: "Id", text: func(f *fields) *string { return &f.statement.id }},
			{path: "StmtPgntn/PgNb", text: func(f *fields) *string { return &f.statement.page }},
			{path: "StmtPgntn/LastPgInd", text: func(f *fields) *string { return &f.statement.last }},
			{path: "RptPgntn/PgNb", text: func(f *fields) *string { return &f.statement.page }},
			{path: "RptPgntn/LastPgInd", text: func(f *fields) *string { return &f.statement.last }},
			{path: "NtfctnPgntn/PgNb", text: func(f *fields) *string { return &f.statement.page }},
			{path: "NtfctnPgntn/LastPgInd", text: func(f *fields) *string { return &f.statement.last }},
			{path: "ElctrncSeqNb", text: func(f *fields) *string { return &f.statement.electronic }},
			{path: "LglSeqNb", text: func(f *fields) *string { return &f.statement.legal }},
			{path: "CreDtTm", text: func(f *fields) *string { return &f.statement.created }},
			{path: "FrToDt/FrDtTm", text: func(f *fields) *string { return &f.statement.from }},
			{path: "FrToDt/FrDt", text: func(f *fields) *string { return &f.statement.from }},
			{path: "FrToDt/ToDtTm", text: func(f *fields) *string { return &f.statement.to }},
			{path: "FrToDt/ToDt", text: func(f *fields) *string { return &f.statement.to }},
			{path: "Acct/Ccy", text: func(f *fields) *string { return &f.statement.currency }},
			{path: "Acct/Nm", text: func(f *fields) *string { return &f.statement.name }},
			{path: "Acct/Ownr/Nm", text: func(f *fields) *string { return &f.statement.owner }},
		}),
		withDeadline(statementBegun, accountPaths("Acct/Id", func(f *fields) *identification { return &f.statement.account })),
		withDeadline(statementBegun, bankPaths("Acct/Svcr", func(f *fields) *agent { return &f.statement.servicer })),
		[]binding{
			{path: "TxsSummry/TtlNtries/NbOfNtries", text: func(f *fields) *string { return &f.statement.count }},
			{path: "TxsSummry/TtlNtries/Sum", text: func(f *fields) *string { return &f.statement.gross }},
			{path: "TxsSummry/TtlNtries/TtlNetNtryAmt", text: func(f *fields) *string { return &f.statement.net }},
			{path: "TxsSummry/TtlNtries/CdtDbtInd", text: func(f *fields) *string { return &f.statement.direction }},
			{path: "TxsSummry/TtlNtries/TtlNetNtry/Amt", text: func(f *fields) *string { return &f.statement.net }},
			{path: "TxsSummry/TtlNtries/TtlNetNtry/CdtDbtInd", text: func(f *fields) *string { return &f.statement.direction }},
			{path: "TxsSummry/TtlCdtNtries/NbOfNtries", text: func(f *fields) *string { return &f.statement.creditCount }},
			{path: "TxsSummry/TtlCdtNtries/Sum", text: func(f *fields) *string { return &f.statement.creditSum }},
			{path: "TxsSummry/TtlDbtNtries/NbOfNtries", text: func(f *fields) *string { return &f.statement.debitCount }},
			{path: "TxsSummry/TtlDbtNtries/Sum", text: func(f *fields) *string { return &f.statement.debitSum }},
			group("Bal", (*message).startBalance, (*message).endBalance, balancePaths),
			group("Ntry", (*message).startEntry, (*message).endEntry,
				withDeadline(detailsBegun, entryPaths), entryEndPaths,
				chargePaths(func(m *message) *chargeSum { return &m.entryCharges }),
				[]binding{
					group("TxDtls", (*message).startDetail, (*message).endDetail, detailPaths...),
					group("NtryDtls/TxDtls", (*message).startDetail, (*message).endDetail, detailPaths...),
				}),
		}),
).addAliases("Stmt", "Rpt", "Ntfctn")

var balancePaths = []binding{
	{path: "Tp/CdOrPrtry/Cd", text: func(f *fields) *string { return &f.balance.code }},
	{path: "Tp/CdOrPrtry/Prtry", text: func(f *fields) *string { return &f.balance.code }},
	{path: "Tp/Cd", text: func(f *fields) *string { return &f.balance.code }},
	{path: "Tp/Prtry", text: func(f *fields) *string { return &f.balance.code }},
	{path: "Tp/SubTp/Cd", text: func(f *fields) *string { return &f.balance.subtype }},
	{path: "Tp/SubTp/Prtry", text: func(f *fields) *string { return &f.balance.subtype }},
	{path: "Amt", money: func(f *fields) *money { return &f.balance.amount }},
	{path: "CdtDbtInd", text: func(f *fields) *string { return &f.balance.direction }},
	{path: "Dt/Dt", text: func(f *fields) *string { return &f.balance.date }},
	{path: "Dt/DtTm", text: func(f *fields) *string { return &f.balance.date }},
}

var entryPaths = []binding{
	{path: "NtryRef", text: func(f *fields) *string { return &f.entry.ownReference }},
	{path: "Amt", money: func(f *fields) *money { return &f.entry.amount }},
	{path: "CdtDbtInd", text: func(f *fields) *string { return &f.entry.direction }},
	{path: "RvslInd", text: func(f *fields) *string { return &f.entry.reversal }},
	{path: "Sts", text: func(f *fields) *string { return &f.entry.status }},
	{path: "Sts/Cd", text: func(f *fields) *string { return &f.entry.status }},
	{path: "Sts/Prtry", text: func(f *fields) *string { return &f.entry.status }},
	{path: "BookgDt/Dt", text: func(f *fields) *string { return &f.entry.booked }},
	{path: "BookgDt/DtTm", text: func(f *fields) *string { return &f.entry.booked }},
	{path: "ValDt/Dt", text: func(f *fields) *string { return &f.entry.value }},
	{path: "ValDt/DtTm", text: func(f *fields) *string { return &f.entry.value }},
	{path: "AcctSvcrRef", text: func(f *fields) *string { return &f.entry.reference }},
	{path: "BkTxCd/Domn/Cd", text: func(f *fields) *string { return &f.entry.domain }},
	{path: "BkTxCd/Domn/Fmly/Cd", text: func(f *fields) *string { return &f.entry.family }},
	{path: "BkTxCd/Domn/Fmly/SubFmlyCd", text: func(f *fields) *string { return &f.entry.subfamily }},
	{path: "BkTxCd/Prtry/Cd", text: func(f *fields) *string { return &f.entry.ownCode }},
	{path: "AmtDtls/CntrValAmt/Amt", money: func(f *fields) *money { return &f.entry.counterValue }},
}

// entryEndPaths may come after the details.
var entryEndPaths = []binding{
	{path: "AddtlNtryInf", text: func(f *fields) *string { return &f.entry.text }},
	{path: "Btch/NbOfTxs", text: func(f *fields) *string { return &f.entry.operations }, onEnd: (*message).countOperations},
	{path: "NtryDtls/Btch/NbOfTxs", text: func(f *fields) *string { return &f.entry.operations }, onEnd: (*message).countOperations},
}

var detailPaths = [][]binding{
	{
		{path: "Refs/AcctSvcrRef", text: func(f *fields) *string { return &f.detail.reference }},
		{path: "Refs/TxId", text: func(f *fields) *string { return &f.detail.transaction }},
		{path: "Refs/EndToEndId", text: func(f *fields) *string { return &f.detail.endToEnd }},
		{path: "Refs/InstrId", text: func(f *fields) *string { return &f.detail.instruction }},
		{path: "Refs/MndtId", text: func(f *fields) *string { return &f.detail.mandate }},
		{path: "Amt", money: func(f *fields) *money { return &f.detail.amount }},
		{path: "CdtDbtInd", text: func(f *fields) *string { return &f.detail.direction }},
		{path: "AmtDtls/TxAmt/Amt", money: func(f *fields) *money { return &f.detail.transacted }},
		{path: "AmtDtls/InstdAmt/Amt", money: func(f *fields) *money { return &f.detail.instructed }},
		{path: "AmtDtls/CntrValAmt/Amt", money: func(f *fields) *money { return &f.detail.counterValue }},
		{path: "RmtInf/Ustrd", join: func(f *fields) *[]byte { return &f.detail.remittance }},
		{path: "RmtInf/Strd/CdtrRefInf/Ref", join: func(f *fields) *[]byte { return &f.detail.structured }},
		{path: "RmtInf/Strd/CdtrRefInf/CdtrRef", join: func(f *fields) *[]byte { return &f.detail.structured }},
		{path: "AddtlTxInf", text: func(f *fields) *string { return &f.detail.text }},
		{path: "RltdDts/IntrBkSttlmDt", text: func(f *fields) *string { return &f.detail.settlementDate }},
	},
	chargePaths(func(m *message) *chargeSum { return &m.detailCharges }),
	sidePaths("Dbtr", func(f *fields) *side { return &f.detail.debtor }),
	sidePaths("Cdtr", func(f *fields) *side { return &f.detail.creditor }),
}

// sidePaths are the paths of a transaction's debtor or creditor.
func sidePaths(role string, get func(*fields) *side) []binding {
	name := func(f *fields) *string { return &get(f).name }
	ultimate := func(f *fields) *string { return &get(f).ultimate }
	rows := []binding{
		{path: "RltdPties/" + role + "/Nm", text: name},
		{path: "RltdPties/" + role + "/Pty/Nm", text: name},
		{path: "RltdPties/" + role + "/Agt/FinInstnId/Nm", text: name},
		{path: "RltdPties/Ultmt" + role + "/Nm", text: ultimate},
		{path: "RltdPties/Ultmt" + role + "/Pty/Nm", text: ultimate},
	}
	rows = append(rows, accountPaths("RltdPties/"+role+"Acct/Id", func(f *fields) *identification { return &get(f).account })...)
	return append(rows, bankPaths("RltdAgts/"+role+"Agt", func(f *fields) *agent { return &get(f).bank })...)
}

// accountPaths are the paths of an account's identification; the last three are of the first version.
func accountPaths(path string, get func(*fields) *identification) []binding {
	other := func(f *fields) *string { return &get(f).other }
	return []binding{
		{path: path + "/IBAN", text: func(f *fields) *string { return &get(f).iban }},
		{path: path + "/Othr/Id", text: other},
		{path: path + "/PrtryAcct/Id", text: other},
		{path: path + "/BBAN", text: other},
		{path: path + "/UPIC", text: other},
	}
}

func bankPaths(path string, get func(*fields) *agent) []binding {
	bic := func(f *fields) *string { return &get(f).bic }
	member := func(f *fields) *string { return &get(f).member }
	return []binding{
		{path: path + "/FinInstnId/BICFI", text: bic},
		{path: path + "/FinInstnId/BIC", text: bic},
		{path: path + "/FinInstnId/CmbndId/BIC", text: bic},
		{path: path + "/FinInstnId/ClrSysMmbId/MmbId", text: member},
		{path: path + "/FinInstnId/ClrSysMmbId/Id", text: member},
		{path: path + "/FinInstnId/ClrSysMmbId/Prtry", text: member},
		{path: path + "/FinInstnId/LEI", text: func(f *fields) *string { return &get(f).lei }},
		{path: path + "/FinInstnId/Othr/Id", text: func(f *fields) *string { return &get(f).other }},
		{path: path + "/FinInstnId/PrtryId/Id", text: func(f *fields) *string { return &get(f).other }},
		{path: path + "/FinInstnId/Nm", text: func(f *fields) *string { return &get(f).fullName }},
		{path: path + "/FinInstnId/NmAndAdr/Nm", text: func(f *fields) *string { return &get(f).fullName }},
	}
}

// binding defines what happens with the element at a path: its text or amount is stored, or functions are called.
type binding struct {
	path     string
	text     func(*fields) *string // where the text is stored
	money    func(*fields) *money  // where the amount is stored
	join     func(*fields) *[]byte // where the texts of a repeated element are stored, joined with spaces
	deadline stage                 // the element is refused from this stage on
	onStart  func(*message)        // called at the start tag; may be nil
	onEnd    func(*message)        // called at the end tag; may be nil
	nested   []binding             // paths below this one
}

// stage is how much of a statement has been reported.
type stage uint8

const (
	never          stage = iota
	statementBegun       // the statement has been reported
	detailsBegun         // details of the entry have been reported
)

// group binds an element whose start and end matter, with the paths below it.
func group(path string, onStart, onEnd func(*message), nested ...[]binding) binding {
	all := binding{path: path, onStart: onStart, onEnd: onEnd}
	for _, bindings := range nested {
		all.nested = append(all.nested, bindings...)
	}
	return all
}

// withDeadline sets the deadline of some bindings.
func withDeadline(deadline stage, bindings []binding) []binding {
	copied := append([]binding(nil), bindings...)
	for i := range copied {
		copied[i].deadline = deadline
	}
	return copied
}

// node is an element of one or more paths.
type node struct {
	binding
	name     string
	children map[string]*node
}

// keepsText reports whether the element's text is stored.
func (n *node) keepsText() bool { return n.text != nil || n.money != nil || n.join != nil }

// target returns where the text of an element that is not repeated is stored.
func (n *node) target(f *fields) *string {
	if n.money != nil {
		return &n.money(f).text
	}
	return n.text(f)
}

// isValue reports whether the element must contain only text.
func (n *node) isValue() bool { return n.keepsText() && n.children == nil }

func (n *node) add(bindings ...binding) *node {
	for _, b := range bindings {
		current := n
		for name := range strings.SplitSeq(b.path, "/") {
			current = current.child(name)
		}
		current.binding = b
		current.add(b.nested...)
	}
	return n
}

// child returns the child of that name, and creates it if it is missing.
func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	if n.children[name] == nil {
		n.children[name] = &node{name: name}
	}
	return n.children[name]
}

// addAliases makes a child known under other names, too.
func (n *node) addAliases(name string, aliases ...string) *node {
	for _, alias := range aliases {
		n.children[alias] = n.children[name]
	}
	return n
}
