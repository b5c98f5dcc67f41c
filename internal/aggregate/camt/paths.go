// The table of which element fills which fact.

package camt

// paths leads from a message element to all that is read of it. Versions differ in names, not in structure, so one table serves all:
// an element that a version does not have is not met.
var paths = grow(
	row{path: "GrpHdr/CreDtTm", text: func(f *facts) *string { return &f.message.created }},
	row{path: "GrpHdr/MsgPgntn/PgNb", text: func(f *facts) *string { return &f.message.page }},
	row{path: "GrpHdr/MsgPgntn/LastPgInd", text: func(f *facts) *string { return &f.message.last }},
	group("Stmt", (*message).begin, (*message).endStatement,
		until(begun, []row{
			{path: "Id", text: func(f *facts) *string { return &f.statement.id }},
			{path: "StmtPgntn/PgNb", text: func(f *facts) *string { return &f.statement.page }},
			{path: "StmtPgntn/LastPgInd", text: func(f *facts) *string { return &f.statement.last }},
			{path: "RptPgntn/PgNb", text: func(f *facts) *string { return &f.statement.page }},
			{path: "RptPgntn/LastPgInd", text: func(f *facts) *string { return &f.statement.last }},
			{path: "NtfctnPgntn/PgNb", text: func(f *facts) *string { return &f.statement.page }},
			{path: "NtfctnPgntn/LastPgInd", text: func(f *facts) *string { return &f.statement.last }},
			{path: "ElctrncSeqNb", text: func(f *facts) *string { return &f.statement.electronic }},
			{path: "LglSeqNb", text: func(f *facts) *string { return &f.statement.legal }},
			{path: "CreDtTm", text: func(f *facts) *string { return &f.statement.created }},
			{path: "FrToDt/FrDtTm", text: func(f *facts) *string { return &f.statement.from }},
			{path: "FrToDt/FrDt", text: func(f *facts) *string { return &f.statement.from }},
			{path: "FrToDt/ToDtTm", text: func(f *facts) *string { return &f.statement.to }},
			{path: "FrToDt/ToDt", text: func(f *facts) *string { return &f.statement.to }},
			{path: "Acct/Ccy", text: func(f *facts) *string { return &f.statement.currency }},
			{path: "Acct/Nm", text: func(f *facts) *string { return &f.statement.name }},
			{path: "Acct/Ownr/Nm", text: func(f *facts) *string { return &f.statement.owner }},
		}),
		until(begun, account("Acct/Id", func(f *facts) *identification { return &f.statement.account })),
		until(begun, bank("Acct/Svcr", func(f *facts) *agent { return &f.statement.servicer })),
		[]row{
			{path: "TxsSummry/TtlNtries/NbOfNtries", text: func(f *facts) *string { return &f.statement.count }},
			{path: "TxsSummry/TtlNtries/Sum", text: func(f *facts) *string { return &f.statement.gross }},
			{path: "TxsSummry/TtlNtries/TtlNetNtryAmt", text: func(f *facts) *string { return &f.statement.net }},
			{path: "TxsSummry/TtlNtries/CdtDbtInd", text: func(f *facts) *string { return &f.statement.direction }},
			{path: "TxsSummry/TtlNtries/TtlNetNtry/Amt", text: func(f *facts) *string { return &f.statement.net }},
			{path: "TxsSummry/TtlNtries/TtlNetNtry/CdtDbtInd", text: func(f *facts) *string { return &f.statement.direction }},
			{path: "TxsSummry/TtlCdtNtries/NbOfNtries", text: func(f *facts) *string { return &f.statement.creditCount }},
			{path: "TxsSummry/TtlCdtNtries/Sum", text: func(f *facts) *string { return &f.statement.creditSum }},
			{path: "TxsSummry/TtlDbtNtries/NbOfNtries", text: func(f *facts) *string { return &f.statement.debitCount }},
			{path: "TxsSummry/TtlDbtNtries/Sum", text: func(f *facts) *string { return &f.statement.debitSum }},
			group("Bal", (*message).startBalance, (*message).endBalance, balanceRows),
			group("Ntry", (*message).startEntry, (*message).endEntry,
				until(detailed, entryRows), entryEndRows,
				charges(func(m *message) *charged { return &m.charged }),
				[]row{
					group("TxDtls", (*message).startDetail, (*message).endDetail, detailRows...),
					group("NtryDtls/TxDtls", (*message).startDetail, (*message).endDetail, detailRows...),
				}),
		}),
).called("Stmt", "Rpt", "Ntfctn")

var balanceRows = []row{
	{path: "Tp/CdOrPrtry/Cd", text: func(f *facts) *string { return &f.balance.code }},
	{path: "Tp/CdOrPrtry/Prtry", text: func(f *facts) *string { return &f.balance.code }},
	{path: "Tp/Cd", text: func(f *facts) *string { return &f.balance.code }},
	{path: "Tp/Prtry", text: func(f *facts) *string { return &f.balance.code }},
	{path: "Tp/SubTp/Cd", text: func(f *facts) *string { return &f.balance.subtype }},
	{path: "Tp/SubTp/Prtry", text: func(f *facts) *string { return &f.balance.subtype }},
	{path: "Amt", money: func(f *facts) *money { return &f.balance.amount }},
	{path: "CdtDbtInd", text: func(f *facts) *string { return &f.balance.direction }},
	{path: "Dt/Dt", text: func(f *facts) *string { return &f.balance.date }},
	{path: "Dt/DtTm", text: func(f *facts) *string { return &f.balance.date }},
}

var entryRows = []row{
	{path: "NtryRef", text: func(f *facts) *string { return &f.entry.own }},
	{path: "Amt", money: func(f *facts) *money { return &f.entry.amount }},
	{path: "CdtDbtInd", text: func(f *facts) *string { return &f.entry.direction }},
	{path: "RvslInd", text: func(f *facts) *string { return &f.entry.reversal }},
	{path: "Sts", text: func(f *facts) *string { return &f.entry.status }},
	{path: "Sts/Cd", text: func(f *facts) *string { return &f.entry.status }},
	{path: "Sts/Prtry", text: func(f *facts) *string { return &f.entry.status }},
	{path: "BookgDt/Dt", text: func(f *facts) *string { return &f.entry.booked }},
	{path: "BookgDt/DtTm", text: func(f *facts) *string { return &f.entry.booked }},
	{path: "ValDt/Dt", text: func(f *facts) *string { return &f.entry.value }},
	{path: "ValDt/DtTm", text: func(f *facts) *string { return &f.entry.value }},
	{path: "AcctSvcrRef", text: func(f *facts) *string { return &f.entry.reference }},
	{path: "BkTxCd/Domn/Cd", text: func(f *facts) *string { return &f.entry.domain }},
	{path: "BkTxCd/Domn/Fmly/Cd", text: func(f *facts) *string { return &f.entry.family }},
	{path: "BkTxCd/Domn/Fmly/SubFmlyCd", text: func(f *facts) *string { return &f.entry.sub }},
	{path: "BkTxCd/Prtry/Cd", text: func(f *facts) *string { return &f.entry.ownCode }},
	{path: "AmtDtls/CntrValAmt/Amt", money: func(f *facts) *money { return &f.entry.counter }},
}

// entryEndRows may come after the details.
var entryEndRows = []row{
	{path: "AddtlNtryInf", text: func(f *facts) *string { return &f.entry.text }},
	{path: "Btch/NbOfTxs", text: func(f *facts) *string { return &f.entry.operations }, closes: (*message).count},
	{path: "NtryDtls/Btch/NbOfTxs", text: func(f *facts) *string { return &f.entry.operations }, closes: (*message).count},
}

var detailRows = [][]row{
	{
		{path: "Refs/AcctSvcrRef", text: func(f *facts) *string { return &f.detail.reference }},
		{path: "Refs/TxId", text: func(f *facts) *string { return &f.detail.transaction }},
		{path: "Refs/EndToEndId", text: func(f *facts) *string { return &f.detail.endToEnd }},
		{path: "Refs/InstrId", text: func(f *facts) *string { return &f.detail.instruction }},
		{path: "Refs/MndtId", text: func(f *facts) *string { return &f.detail.mandate }},
		{path: "Amt", money: func(f *facts) *money { return &f.detail.amount }},
		{path: "CdtDbtInd", text: func(f *facts) *string { return &f.detail.direction }},
		{path: "AmtDtls/TxAmt/Amt", money: func(f *facts) *money { return &f.detail.transacted }},
		{path: "AmtDtls/InstdAmt/Amt", money: func(f *facts) *money { return &f.detail.instructed }},
		{path: "AmtDtls/CntrValAmt/Amt", money: func(f *facts) *money { return &f.detail.counter }},
		{path: "RmtInf/Ustrd", join: func(f *facts) *[]byte { return &f.detail.remittance }},
		{path: "RmtInf/Strd/CdtrRefInf/Ref", join: func(f *facts) *[]byte { return &f.detail.structured }},
		{path: "RmtInf/Strd/CdtrRefInf/CdtrRef", join: func(f *facts) *[]byte { return &f.detail.structured }},
		{path: "AddtlTxInf", text: func(f *facts) *string { return &f.detail.text }},
		{path: "RltdDts/IntrBkSttlmDt", text: func(f *facts) *string { return &f.detail.settled }},
	},
	charges(func(m *message) *charged { return &m.taken }),
	sides("Dbtr", func(f *facts) *side { return &f.detail.debtor }),
	sides("Cdtr", func(f *facts) *side { return &f.detail.creditor }),
}

// sides are the rows of a transaction's debtor or creditor.
func sides(role string, of func(*facts) *side) []row {
	name := func(f *facts) *string { return &of(f).name }
	ultimate := func(f *facts) *string { return &of(f).ultimate }
	rows := []row{
		{path: "RltdPties/" + role + "/Nm", text: name},
		{path: "RltdPties/" + role + "/Pty/Nm", text: name},
		{path: "RltdPties/" + role + "/Agt/FinInstnId/Nm", text: name},
		{path: "RltdPties/Ultmt" + role + "/Nm", text: ultimate},
		{path: "RltdPties/Ultmt" + role + "/Pty/Nm", text: ultimate},
	}
	rows = append(rows, account("RltdPties/"+role+"Acct/Id", func(f *facts) *identification { return &of(f).account })...)
	return append(rows, bank("RltdAgts/"+role+"Agt", func(f *facts) *agent { return &of(f).bank })...)
}

// account are the rows of an account's identification; the last three are of the first version.
func account(path string, of func(*facts) *identification) []row {
	other := func(f *facts) *string { return &of(f).other }
	return []row{
		{path: path + "/IBAN", text: func(f *facts) *string { return &of(f).iban }},
		{path: path + "/Othr/Id", text: other},
		{path: path + "/PrtryAcct/Id", text: other},
		{path: path + "/BBAN", text: other},
		{path: path + "/UPIC", text: other},
	}
}

// bank are the rows of a financial institution.
func bank(path string, of func(*facts) *agent) []row {
	bic := func(f *facts) *string { return &of(f).bic }
	member := func(f *facts) *string { return &of(f).member }
	return []row{
		{path: path + "/FinInstnId/BICFI", text: bic},
		{path: path + "/FinInstnId/BIC", text: bic},
		{path: path + "/FinInstnId/CmbndId/BIC", text: bic},
		{path: path + "/FinInstnId/ClrSysMmbId/MmbId", text: member},
		{path: path + "/FinInstnId/ClrSysMmbId/Id", text: member},
		{path: path + "/FinInstnId/ClrSysMmbId/Prtry", text: member},
		{path: path + "/FinInstnId/LEI", text: func(f *facts) *string { return &of(f).lei }},
		{path: path + "/FinInstnId/Othr/Id", text: func(f *facts) *string { return &of(f).other }},
		{path: path + "/FinInstnId/PrtryId/Id", text: func(f *facts) *string { return &of(f).other }},
		{path: path + "/FinInstnId/Nm", text: func(f *facts) *string { return &of(f).called }},
		{path: path + "/FinInstnId/NmAndAdr/Nm", text: func(f *facts) *string { return &of(f).called }},
	}
}
