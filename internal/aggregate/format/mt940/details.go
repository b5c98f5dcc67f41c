// Collects the text after an entry, in the forms of the banks: free text, subfields, codes between slashes, :NS:.

package mt940

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	fullLine     = 65 // characters of a full line of :86:
	fullSubfield = 27 // characters of a full subfield
)

type details struct {
	posting    string // the transaction type in words
	purpose    []string
	party      string
	peer       string
	supplement string // the second line of :61:
	size       int
}

func (d *details) reset() { *d = details{purpose: d.purpose[:0]} }

// text joins posting text, purpose and supplementary details.
func (d *details) text() string {
	return joinTexts(slices.Concat([]string{d.posting}, d.purpose, []string{d.supplement}))
}

func (d *details) addInformation(lines []line) {
	var result strings.Builder
	for _, l := range lines {
		result.WriteString(l.text)
	}
	if mark, text := subfieldMark(result.String()); mark != 0 {
		d.addSubfields(text, mark)
		return
	}
	text := joinWrapped(lines)
	d.purpose = append(d.purpose, text)
	if !strings.HasPrefix(text, "/") {
		return
	}
	d.party, d.peer = slashValue(text, "NAME"), slashValue(text, "IBAN")
	if both := strings.Split(slashValue(text, "CNTP"), "/"); len(both) >= 3 { // account, bank, name and town
		d.peer, d.party = strings.TrimSpace(both[0]), strings.TrimSpace(both[2])
	}
}

// joinWrapped joins the lines of a free text: without a space after a full line, with a space after a shorter one.
func joinWrapped(lines []line) string {
	var result strings.Builder
	full := true
	for _, l := range lines {
		text := l.text
		if !full {
			result.WriteByte(' ')
			text = strings.TrimLeft(text, " ")
		}
		if full = utf8.RuneCountInString(l.text) >= fullLine; !full {
			text = strings.TrimRight(text, " ")
		}
		result.WriteString(text)
	}
	return strings.TrimSpace(result.String())
}

// subfieldMark finds the character that starts each subfield, as in "166?00…", "020<00…" or "?20…", and returns the
// text from the first subfield on; mark is 0 if there are no subfields.
func subfieldMark(text string) (mark byte, subfields string) {
	text = strings.TrimLeft(text, " ")
	if len(text) >= 3 && isDigit(text[0]) && isDigit(text[1]) && isDigit(text[2]) {
		text = text[3:]
	}
	if len(text) < 3 || strings.IndexByte("?<^~@", text[0]) < 0 || !isSubfield(text[1:3]) {
		return 0, ""
	}
	return text[0], text
}

// isSubfield reports whether code is the number of a subfield, 00 to 99.
func isSubfield(code string) bool { return isDigit(code[0]) && isDigit(code[1]) }

// addSubfields parses a structured :86:. Lines are wrapped anywhere in it, and a purpose anywhere between its
// subfields.
func (d *details) addSubfields(text string, mark byte) {
	var purpose, party strings.Builder
	var last, iban string
	var others []string
	for text != "" {
		code, value := text[1:3], text[3:]
		end := nextSubfield(value, mark)
		value, text = value[:end], value[end:]
		switch {
		case code == "00":
			d.posting = value
		case code[0] == '2' || code[0] == '6':
			if needsSpace(last, code, value) {
				purpose.WriteByte(' ')
			}
			purpose.WriteString(value)
			last = value
		case code == "31":
			d.peer = strings.TrimSpace(value)
		case code == "32" || code == "33":
			party.WriteString(value)
		case code == "38":
			iban = strings.TrimSpace(value)
		case code > "39": // their meaning differs between banks; their text is kept
			others = append(others, value)
		}
	}
	d.peer = cmp.Or(d.peer, iban)
	if party.Len() > 0 {
		d.party = strings.TrimSpace(party.String())
	}
	d.purpose = append(append(d.purpose, purpose.String()), others...)
}

func nextSubfield(text string, mark byte) int {
	for i := 0; i+2 < len(text); i++ {
		if text[i] == mark && isSubfield(text[i+1:i+3]) {
			return i
		}
	}
	return len(text)
}

// needsSpace reports whether a subfield of the purpose is not a continuation of the previous one: a SEPA part such as
// EREF+, or code 60 after a subfield that is not full.
func needsSpace(before, code, value string) bool {
	if before == "" {
		return false
	}
	if len(value) > 4 && value[4] == '+' && isCurrency(value[:3]) && isUpper(value[3]) {
		return true
	}
	return code == "60" && utf8.RuneCountInString(before) < fullSubfield
}

var slashCodes = map[string]bool{
	"ACCW": true, "ADDR": true, "BENM": true, "BIC": true, "BO": true, "CD": true, "CNTP": true, "CSID": true, "EREF": true,
	"IBAN": true, "ID": true, "ISDT": true, "KREF": true, "MARF": true, "NAME": true, "NRTX": true, "OCMT": true, "ORDP": true,
	"PREF": true, "PURP": true, "REMI": true, "RTRN": true, "SUBI": true, "SVCL": true, "SWOC": true, "SWOD": true,
	"TR": true, "TRCD": true, "TRTP": true, "ULTB": true, "ULTC": true, "ULTD": true,
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
