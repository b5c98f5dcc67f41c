// Fuzz test of the reader.

package camt_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"bursar/internal/aggregate/format/camt"
	"bursar/internal/aggregate/format/statement/statementtest"
)

// seeds are small messages of different structure.
func seeds() []string {
	full := inStatement(`<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1</Amt><Dt><Dt>2024-01-01</Dt></Dt></Bal>` +
		`<TxsSummry><TtlNtries><NbOfNtries>1</NbOfNtries><Sum>5</Sum></TtlNtries></TxsSummry>` +
		`<Ntry><Amt Ccy="EUR">5</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>` +
		`<TxDtls><Refs><TxId>1</TxId></Refs></TxDtls><TxDtls><RmtInf><Ustrd>&lt;</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`)
	return []string{
		full, inDetail(`<Amt Ccy="CHF">5</Amt>`), "\ufeff" + full, strings.ReplaceAll(full, "BkToCstmrStmt", "BkToCstmrAcctRptV01"),
		`<?xml version="1.0" encoding="ISO-8859-1"?>` + full, `<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>`, "<a>" + full + full + "</a>", "<a/><b/>",
	}
}

// FuzzRead checks the reader's contract, and compares it with encoding/xml: a file that is read without an error is
// well-formed.
func FuzzRead(f *testing.F) {
	for _, seed := range seeds() {
		f.Add([]byte(seed))
		for n := 0; n < len(seed); n += statementtest.TruncationStep {
			f.Add([]byte(seed[:n]))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := statementtest.NewRecorder(t)
		err := statementtest.ReadChecked(t, text, camt.Read, r)
		if r.Calls > len(text) {
			t.Errorf("%d calls for %d bytes", r.Calls, len(text))
		}
		camt.Recognise(text)
		plain := utf8.Valid(text) && bytes.HasPrefix(text, []byte("<")) && !bytes.Contains(text, []byte("encoding"))
		if err == nil && plain {
			if err := tokenise(bytes.NewReader(text)); err != nil {
				t.Errorf("a file that is not valid XML is read without an error: %v", err)
			}
		}
	})
}
