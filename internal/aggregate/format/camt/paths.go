// The table that maps elements to fields, and its tree, so that a path is matched element by element.

package camt

import (
	"slices"
	"strings"
)

// messageTree contains the paths below a message element. Versions differ in names but not in structure, so one table
// serves all of them.
var messageTree = new(node).add(
	binding{path: "GrpHdr/CreDtTm", text: func(f *fields) *string { return &f.message.created }},
	binding{path: "GrpHdr/MsgPgntn/PgNb", text: func(f *fields) *string { return &f.message.page }},
	binding{path: "GrpHdr/MsgPgntn/LastPgInd", text: func(f *fields) *string { return &f.message.last }},
	group("Stmt Rpt Ntfctn", (*message).startStatement, (*message).endStatement,
		withDeadline(statementBegun, []binding{
			{path: "Id", text: func(f *fields) *string { return &f.statement.id }},
			{path: "StmtPgntn/PgNb RptPgntn/PgNb NtfctnPgntn/PgNb", text: func(f *fields) *string { return &f.statement.page }},
			{path: "StmtPgntn/LastPgInd RptPgntn/LastPgInd NtfctnPgntn/LastPgInd", text: func(f *fields) *string { return &f.statement.last }},
			{path: "ElctrncSeqNb", text: func(f *fields) *string { return &f.statement.electronic }},
			{path: "LglSeqNb", text: func(f *fields) *string { return &f.statement.legal }},
			{path: "CreDtTm", text: func(f *fields) *string { return &f.statement.created }},
			{path: "FrToDt/FrDtTm FrToDt/FrDt", text: func(f *fields) *string { return &f.statement.from }},
			{path: "FrToDt/ToDtTm FrToDt/ToDt", text: func(f *fields) *string { return &f.statement.to }},
			{path: "Acct/Ccy", text: func(f *fields) *string { return &f.statement.currency }},
			{path: "Acct/Nm", text: func(f *fields) *string { return &f.statement.name }},
			{path: "Acct/Ownr/Nm", text: func(f *fields) *string { return &f.statement.owner }},
			accountPaths("Acct/Id", func(f *fields) *identification { return &f.statement.account }),
			bankPaths("Acct/Svcr", func(f *fields) *agent { return &f.statement.servicer }),
		}),
		[]binding{
			{path: "TxsSummry/TtlNtries/NbOfNtries", text: func(f *fields) *string { return &f.statement.count }},
			{path: "TxsSummry/TtlNtries/Sum", text: func(f *fields) *string { return &f.statement.gross }},
			{path: "TxsSummry/TtlNtries/TtlNetNtryAmt TxsSummry/TtlNtries/TtlNetNtry/Amt", text: func(f *fields) *string { return &f.statement.net }},
			{path: "TxsSummry/TtlNtries/CdtDbtInd TxsSummry/TtlNtries/TtlNetNtry/CdtDbtInd", text: func(f *fields) *string { return &f.statement.direction }},
			{path: "TxsSummry/TtlCdtNtries/NbOfNtries", text: func(f *fields) *string { return &f.statement.creditCount }},
			{path: "TxsSummry/TtlCdtNtries/Sum", text: func(f *fields) *string { return &f.statement.creditSum }},
			{path: "TxsSummry/TtlDbtNtries/NbOfNtries", text: func(f *fields) *string { return &f.statement.debitCount }},
			{path: "TxsSummry/TtlDbtNtries/Sum", text: func(f *fields) *string { return &f.statement.debitSum }},
			group("Bal", (*message).startBalance, (*message).endBalance, balancePaths),
			group("Ntry", (*message).startEntry, (*message).endEntry,
				withDeadline(detailsBegun, entryPaths), entryEndPaths,
				chargePaths(func(m *message) *chargeSum { return &m.entryCharges }),
				[]binding{group("TxDtls NtryDtls/TxDtls", (*message).startDetail, (*message).endDetail, detailPaths...)}),
		}),
)

var balancePaths = []binding{
	{path: "Tp/CdOrPrtry/Cd Tp/CdOrPrtry/Prtry Tp/Cd Tp/Prtry", text: func(f *fields) *string { return &f.balance.code }},
	{path: "Tp/SubTp/Cd Tp/SubTp/Prtry", text: func(f *fields) *string { return &f.balance.subtype }},
	{path: "Amt", money: func(f *fields) *money { return &f.balance.amount }},
	{path: "CdtDbtInd", text: func(f *fields) *string { return &f.balance.direction }},
	{path: "Dt/Dt Dt/DtTm", text: func(f *fields) *string { return &f.balance.date }},
}

var entryPaths = []binding{
	{path: "NtryRef", text: func(f *fields) *string { return &f.entry.ownReference }},
	{path: "Amt", money: func(f *fields) *money { return &f.entry.amount }},
	{path: "CdtDbtInd", text: func(f *fields) *string { return &f.entry.direction }},
	{path: "RvslInd", text: func(f *fields) *string { return &f.entry.reversal }},
	{path: "Sts Sts/Cd Sts/Prtry", text: func(f *fields) *string { return &f.entry.status }},
	{path: "BookgDt/Dt BookgDt/DtTm", text: func(f *fields) *string { return &f.entry.booked }},
	{path: "ValDt/Dt ValDt/DtTm", text: func(f *fields) *string { return &f.entry.value }},
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
	{path: "Btch/NbOfTxs NtryDtls/Btch/NbOfTxs", text: func(f *fields) *string { return &f.entry.operations }, onEnd: (*message).countOperations},
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
		{path: "RmtInf/Strd/CdtrRefInf/Ref RmtInf/Strd/CdtrRefInf/CdtrRef", join: func(f *fields) *[]byte { return &f.detail.structured }},
		{path: "AddtlTxInf", text: func(f *fields) *string { return &f.detail.text }},
		{path: "RltdDts/IntrBkSttlmDt", text: func(f *fields) *string { return &f.detail.settlementDate }},
	},
	chargePaths(func(m *message) *chargeSum { return &m.detailCharges }),
	sidePaths("Dbtr", func(f *fields) *side { return &f.detail.debtor }),
	sidePaths("Cdtr", func(f *fields) *side { return &f.detail.creditor }),
}

func sidePaths(role string, get func(*fields) *side) []binding {
	party := "RltdPties/" + role
	ultimate := "RltdPties/Ultmt" + role
	return []binding{
		{path: party + "/Nm " + party + "/Pty/Nm " + party + "/Agt/FinInstnId/Nm", text: func(f *fields) *string { return &get(f).name }},
		{path: ultimate + "/Nm " + ultimate + "/Pty/Nm", text: func(f *fields) *string { return &get(f).ultimate }},
		accountPaths(party+"Acct/Id", func(f *fields) *identification { return &get(f).account }),
		bankPaths("RltdAgts/"+role+"Agt", func(f *fields) *agent { return &get(f).bank }),
	}
}

// accountPaths are the paths of an account's identification; the last three are of the first version.
func accountPaths(path string, get func(*fields) *identification) binding {
	return group(path, nil, nil, []binding{
		{path: "IBAN", text: func(f *fields) *string { return &get(f).iban }},
		{path: "Othr/Id PrtryAcct/Id BBAN UPIC", text: func(f *fields) *string { return &get(f).other }},
	})
}

func bankPaths(path string, get func(*fields) *agent) binding {
	return group(path+"/FinInstnId", nil, nil, []binding{
		{path: "BICFI BIC CmbndId/BIC", text: func(f *fields) *string { return &get(f).bic }},
		{path: "ClrSysMmbId/MmbId ClrSysMmbId/Id ClrSysMmbId/Prtry", text: func(f *fields) *string { return &get(f).member }},
		{path: "LEI", text: func(f *fields) *string { return &get(f).lei }},
		{path: "Othr/Id PrtryId/Id", text: func(f *fields) *string { return &get(f).other }},
		{path: "Nm NmAndAdr/Nm", text: func(f *fields) *string { return &get(f).fullName }},
	})
}

// binding defines what happens with the element at a path: its text or amount is stored, or functions are called.
type binding struct {
	path     string                // names from the outside in; blanks separate the paths of several versions or banks
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
	return binding{path: path, onStart: onStart, onEnd: onEnd, nested: slices.Concat(nested...)}
}

// withDeadline sets the deadline of some bindings and of those nested in them.
func withDeadline(deadline stage, bindings []binding) []binding {
	for i := range bindings {
		bindings[i].deadline = deadline
		withDeadline(deadline, bindings[i].nested)
	}
	return bindings
}

// node is an element of one or more paths.
type node struct {
	binding
	name     string
	children map[string]*node
}

func (n *node) keepsText() bool { return n.text != nil || n.money != nil || n.join != nil }

// target returns where the text of an element that is not repeated is stored.
func (n *node) target(f *fields) *string {
	if n.money != nil {
		return &n.money(f).text
	}
	return n.text(f)
}

func (n *node) add(bindings ...binding) *node {
	for _, b := range bindings {
		for path := range strings.FieldsSeq(b.path) {
			current := n
			for name := range strings.SplitSeq(path, "/") {
				current = current.child(name)
			}
			current.binding = b
			current.add(b.nested...)
		}
	}
	return n
}

func (n *node) child(name string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	if n.children[name] == nil {
		n.children[name] = &node{name: name}
	}
	return n.children[name]
}
