// National forms of details: codes between slashes, and the :NS: of German banks.

package mt940

import (
	"iter"
	"strings"
)

// slashCodes are the codes between slashes in :86:, as in /NAME/…/REMI/….
var slashCodes = map[string]bool{
	"ACCW": true, "ADDR": true, "BENM": true, "BIC": true, "BO": true, "CD": true, "CNTP": true, "CSID": true, "EREF": true,
	"IBAN": true, "ID": true, "ISDT": true, "KREF": true, "MARF": true, "NAME": true, "NRTX": true, "OCMT": true, "ORDP": true,
	"PREF": true, "PURP": true, "REMI": true, "RTRN": true, "SUBI": true, "SVCL": true, "SWOC": true, "SWOD": true,
	"TR": true, "TRCD": true, "TRTP": true, "ULTB": true, "ULTC": true, "ULTD": true,
}

// parseSlashCodes finds the counterparty in codes between slashes. CNTP contains account, bank, name and town,
// separated by slashes.
func (d *details) parseSlashCodes(text string) {
	d.party, d.peer = slashValue(text, "NAME"), slashValue(text, "IBAN")
	if both := strings.Split(slashValue(text, "CNTP"), "/"); len(both) >= 3 {
		d.peer, d.party = strings.TrimSpace(both[0]), strings.TrimSpace(both[2])
	}
}

// slashValue returns the value of a code, up to the next code.
func slashValue(text, code string) string {
	_, value, ok := strings.Cut(text, "/"+code+"/")
	if !ok {
		return ""
	}
	for i := range len(value) {
		if value[i] != '/' {
			continue
		}
		if end := strings.IndexByte(value[i+1:min(len(value), i+6)], '/'); end >= 0 && slashCodes[value[i+1:i+1+end]] {
			value = value[:i]
			break
		}
	}
	return strings.Trim(value, " /")
}

// addNonSwift adds the :NS: of an entry: 01 to 14 are its purpose, 15 and 16 the name of the counterparty, 17 the
// posting text, 34 the account of the counterparty.
func (d *details) addNonSwift(lines []line) {
	var party strings.Builder
	for code, text := range numberedLines(lines) {
		switch {
		case code >= "01" && code <= "14":
			d.purpose = append(d.purpose, text)
		case code == "15" || code == "16":
			party.WriteString(text)
		case code == "17" && d.posting == "":
			d.posting = text
		case code == "34" && d.peer == "":
			d.peer = text
		}
	}
	if party.Len() > 0 {
		d.party = party.String()
	}
}

// accountName returns the account's name from the :NS: of a statement.
func accountName(lines []line) string {
	for code, text := range numberedLines(lines) {
		if code == "22" {
			return text
		}
	}
	return ""
}

// numberedLines iterates over the lines of :NS: with the two digits that define their meaning. A line without digits
// continues the previous one.
func numberedLines(lines []line) iter.Seq2[string, string] {
	return func(yield func(code, text string) bool) {
		code := ""
		for _, l := range lines {
			text := l.text
			if len(text) >= 2 && isDigit(text[0]) && isDigit(text[1]) {
				code, text = text[:2], text[2:]
			}
			if !yield(code, strings.TrimSpace(text)) {
				return
			}
		}
	}
}
