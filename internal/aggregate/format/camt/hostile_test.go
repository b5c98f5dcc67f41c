// Tests of broken and malicious files.

package camt_test

import (
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"bursar/internal/aggregate/format/camt"
	"bursar/internal/aggregate/format/statement"
	"bursar/internal/aggregate/format/statement/statementtest"
	"bursar/internal/failure"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, reason string }{
		{"", "1:1: the file contains no XML element"},
		{"  no XML at all", "1:1: there is text outside of all elements"},
		{"<html><p>Sign in</p></html>", "<html> contains no CAMT message"},
		{header + trailer, "the message contains no statement"},
		{`<!DOCTYPE Document SYSTEM "file:///etc/passwd">` + header, "1:1: a document type or entity is declared"},
		{`<?xml version="1.0"?>` + "\n" + `<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>` + inEntry("&b;"), "2:1: a document type"},
		{inEntry("<NtryRef>&euro;</NtryRef>"), "invalid character entity &euro;"},
		{inEntry("<Amt>5</Amd>"), "</Amd> closes <Amt>, which begins at 1:"},
		{strings.Replace(inEntry(""), "</Ntry></Stmt>", "</Stmt></Ntry>", 1), "</Stmt> closes <Ntry>"},
		{strings.Replace(inEntry("<Amt>5</Amt>"), "</Amt>", "</x:Amt>", 1), "</Amt> closes <Amt>"},
		{inEntry("") + inEntry(""), "<Document> begins after the end of <Document>"},
		{inEntry("") + "</Document>", "</Document> does not close an open element"},
		{inEntry("") + "\n-- sent by mail --", "there is text outside"},
		{inEntry("") + `<?xml version="1.0" encoding="UTF-7"?>`, "the file contains a second XML declaration"},
		{`<?xml version="1.0" encoding="klingon"?>` + inEntry(""), `the encoding "klingon" is not known`},
		{`<?xml version="1.1"?>` + inEntry(""), `unsupported version "1.1"`},
		{inEntry("\xff"), "invalid UTF-8; the file is in another encoding than it declares"},
		{inStatement(`<xi:include href="file:///etc/passwd"/>`), "<xi:include> refers to content outside the file"},
		{inEntry("<Amt>5<!-- "), "the file ends within <Amt>, which begins at 1:"},
		{inEntry("<Amt>1<x/>00</Amt>"), "<x> is within <Amt>, which contains only a value"},
		{inEntry("<Amt>1</Amt><Amt>2</Amt>"), `<Amt> is given twice: "1" and "2"`},
		{inEntry(`<Amt>1</Amt><NtryDtls><TxDtls/></NtryDtls><AcctSvcrRef>A</AcctSvcrRef>`), "<AcctSvcrRef> comes after the entry's details"},
		{header + `<Stmt><Id>S</Id><Ntry/></Stmt>` + trailer, "the statement states no account"},
		{strings.Replace(inStatement("<Bal/><Id>S</Id>"), "<Id>S</Id>", "", 1), "<Id> comes after the statement's balances or entries"},
		{strings.Repeat("<a>", statement.MaxDepth+1), "elements are nested more than 64 deep"},
		{inEntry("<" + strings.Repeat("a", 300) + "/>"), "an element's name is longer than 256 bytes"},
	} {
		r := statementtest.NewRecorder(t)
		err := statementtest.ReadChecked(t, []byte(c.text), camt.Read, r)
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%.200s: %v, want %s", c.text, err, c.reason)
		} else if failure.Of(err) != failure.Data {
			t.Errorf("%v is of class %s", err, failure.Of(err))
		}
	}
}

func TestEncodingsAndNamespaces(t *testing.T) {
	t.Parallel()
	declared := func(name, text string) string { return `<?xml version="1.0" encoding="` + name + `"?>` + text }
	plain := inEntry("<NtryRef>Größe</NtryRef>")
	prefixed := strings.NewReplacer("</", "</c:", "<", "<c:", "xmlns=", "xmlns:c=").Replace(plain)
	bare := strings.Replace(plain, ` xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"`, "", 1)
	for name, c := range map[string]struct{ text, format string }{
		"UTF-8":             {plain, "camt.053.001.08"},
		"a mark":            {"\ufeff" + declared("utf-8", plain), "camt.053.001.08"},
		"a mark, another":   {"\ufeff" + declared("ISO-8859-1", plain), "camt.053.001.08"},
		"ISO-8859-1":        {strings.NewReplacer("ö", "\xf6", "ß", "\xdf").Replace(declared("iso-8859-1", plain)), "camt.053.001.08"},
		"windows-1252":      {strings.NewReplacer("ö", "\xf6", "ß", "\xdf").Replace(declared("cp1252", plain)), "camt.053.001.08"},
		"IBM850":            {strings.NewReplacer("ö", "\x94", "ß", "\xe1").Replace(declared("IBM850", plain)), "camt.053.001.08"},
		"UTF-16, big":       {encodeUTF16(binary.BigEndian, "\ufeff"+declared("UTF-16", plain)), "camt.053.001.08"},
		"UTF-16, little":    {encodeUTF16(binary.LittleEndian, "\ufeff"+plain), "camt.053.001.08"},
		"UTF-16 without":    {encodeUTF16(binary.LittleEndian, declared("UTF-16LE", plain)), "camt.053.001.08"},
		"UTF-16 in name":    {declared("UTF-16", plain), "camt.053.001.08"},
		"a prefix":          {prefixed, "camt.053.001.08"},
		"no namespace":      {bare, "camt.053"},
		"no document":       {strings.TrimSuffix(strings.TrimPrefix(bare, "<Document>"), "</Document>"), "camt.053"},
		"a guild's":         {strings.Replace(plain, "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08", "ISO:camt.053.001.02:APC:STUZZA:payments:003", 1), "camt.053.001.02"},
		"an envelope":       {"<Envlp><AppHdr><MsgDefIdr>camt.053.001.08</MsgDefIdr></AppHdr>" + plain + "</Envlp>", "camt.053.001.08"},
		"the first version": {strings.ReplaceAll(plain, "BkToCstmrStmt", "BkToCstmrStmtV01"), "camt.053.001.08"},
		"instructions":      {"<?xml-stylesheet href='x'?><!-- y -->" + plain + "\n<!-- z -->\n", "camt.053.001.08"},
	} {
		r := statementtest.NewRecorder(t)
		if err := statementtest.ReadChecked(t, []byte(c.text), camt.Read, r); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if s := r.Statements[0]; s.Format != c.format || s.Entries[0].Own != "Größe" {
			t.Errorf("%s is read as %s, and the text as %q", name, s.Format, s.Entries[0].Own)
		}
		if !camt.Recognise([]byte(c.text)[:min(len(c.text), 300)]) {
			t.Errorf("%s is not recognised", name)
		}
		statementtest.CheckTruncated(t, []byte(c.text), camt.Read)
	}
}

// encodeUTF16 encodes a text in UTF-16.
func encodeUTF16(order binary.AppendByteOrder, text string) string {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		encoded = order.AppendUint16(encoded, unit)
	}
	return string(encoded)
}

func TestRecogniseRejectsOtherFormats(t *testing.T) {
	t.Parallel()
	for _, head := range []string{
		"", "OFXHEADER:100", ":20:STARTUMS", "a;b;c", "PK\x03\x04", "<html><body>camt.053</body></html>", "<OFX><SIGNONMSGSRSV1>",
		`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"><CstmrCdtTrfInitn>`, "\x00\x00\x00", "<Document", "<",
	} {
		if camt.Recognise([]byte(head)) {
			t.Errorf("%q is recognised", head)
		}
	}
}

// repeated reads a text over and over, without an end.
type repeated struct {
	text string
	at   int
}

func (a *repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = a.text[(a.at+i)%len(a.text)]
	}
	a.at = (a.at + len(p)) % len(a.text)
	return len(p), nil
}

// TestEndlessFiles is not parallel, because it measures allocations.
func TestEndlessFiles(t *testing.T) {
	const size, allowed = 256 << 20, 64 << 20
	for _, c := range []struct{ before, endless, reason string }{
		{inEntry("<AddtlNtryInf>"), "text ", "a value or a tag of <AddtlNtryInf> has more than 1048576 bytes"},
		{inEntry("<AddtlNtryInf>"), "<![CDATA[text]]>", "<AddtlNtryInf> has more than"},
		{inEntry("<AddtlNtryInf>"), "a<!-- b -->", "<AddtlNtryInf> has more than"},
		{inEntry("<Unknown>"), "text ", "<Unknown> has more than"},
		{inEntry(`<Amt Ccy="`), "EUR", "<Ntry> has more than"},
		{inEntry(`<Amt `), `a="" `, "<Ntry> has more than"},
		{inEntry(`<!-- `), "text ", "<Ntry> has more than"},
		{inEntry(`<?note `), "text ", "<Ntry> has more than"},
		{inEntry(`<`), "Amt", "<Ntry> has more than"},
		{inEntry(`</`), "Amt", "<Ntry> has more than"},
		{inEntry(`<!DOCTYPE `), "text ", "<Ntry> has more than"},
		{inDetail("<RmtInf>"), "<Ustrd>text</Ustrd>", "<Ustrd> has more than"},
		{"", " ", "a value or a tag has more than"},
		{"", "<a>", "nested more than 64 deep"},
	} {
		before, _, _ := strings.Cut(c.before, "</Ntry>")
		before, _, _ = strings.Cut(before, "</TxDtls>")
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		err := camt.Read(io.MultiReader(strings.NewReader(before), io.LimitReader(&repeated{text: c.endless}, size)), statement.Discard{})
		runtime.ReadMemStats(&end)
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%q without an end: %v, want %s", c.endless, err, c.reason)
		}
		if allocated := end.TotalAlloc - start.TotalAlloc; allocated > allowed {
			t.Errorf("%q without an end allocated %d bytes", c.endless, allocated)
		}
	}
}
