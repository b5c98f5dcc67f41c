// The table that maps elements to fields.

package camt

// messageTree contains the paths below a message element. Versions differ in names but not in structure, so one table
// serves all of them.
var messageTree = newTree(
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

// bankPaths are the paths of a financial institution.
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
