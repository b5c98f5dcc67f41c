// Reads the golden files of the other reader.

package camt_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// object is an object of a golden file. Each object is written in full where it first occurs, in the order of keys.
type object map[string]any

// findObjects returns the objects of a class, in the file's order, without those inside objects of the classes in
// without.
func findObjects(value any, class string, without ...string) []object {
	var found []object
	switch v := value.(type) {
	case []any:
		for _, part := range v {
			found = append(found, findObjects(part, class, without...)...)
		}
	case map[string]any:
		name, _ := v["__CLASS__"].(string)
		if slices.ContainsFunc(without, func(w string) bool { return strings.HasSuffix(name, w) }) {
			return nil
		}
		if strings.HasSuffix(name, class) {
			found = append(found, v)
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, findObjects(v[key], class, without...)...)
		}
	}
	return found
}

// text returns a text; null is empty.
func (o object) text(keys ...string) string {
	var value any = map[string]any(o)
	for _, key := range keys {
		inner, ok := value.(map[string]any)
		if !ok {
			return ""
		}
		value = inner[key]
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// date returns the day of a golden time, which is in UTC.
func (o object) date(key string) string {
	text := o.text(key, "0")
	return text[:min(len(text), len("2006-01-02"))]
}

// money returns an amount and its currency; golden amounts count the currency's smallest unit.
func (o object) money(t *testing.T, key string) string {
	t.Helper()
	units, currency := o.text(key, "getAmount"), o.text(key, "getCurrency", "getCode")
	if units == "" {
		return ""
	}
	if currency != "JPY" {
		sign := ""
		if units[0] == '-' {
			sign, units = "-", units[1:]
		}
		units = fmt.Sprintf("%03s", units)
		units = sign + units[:len(units)-2] + "." + units[len(units)-2:]
	}
	return sum(t, units) + " " + currency
}

// values are what both readers state, by name.
type values map[string]string

var balanceCodes = map[string]string{
	"opening": "OPBD", "opening_available": "OPAV", "closing": "CLBD", "closing_available": "CLAV", "interim": "ITBD",
	"interim_available": "ITAV", "forward_available": "FWAV", "information": "INFO", "expected_credit": "XPCD",
}

// goldenValues returns the values of a golden file.
func goldenValues(t *testing.T, message map[string]any) values {
	t.Helper()
	f := values{}
	records := slices.Concat(findObjects(message, `\Report`), findObjects(message, `\Statement`), findObjects(message, `\Notification`))
	for i, r := range records {
		addGoldenStatement(t, f, fmt.Sprintf("statement %d ", i), r)
	}
	for i, e := range findObjects(message, `\Entry`) {
		addGoldenEntry(t, f, fmt.Sprintf("entry %d ", i), e)
	}
	return f
}

func addGoldenStatement(t *testing.T, f values, at string, r object) {
	t.Helper()
	f[at+"id"] = r.text("getId")
	f[at+"number"] = r.text("getElectronicSequenceNumber")
	if f[at+"number"] == "" {
		f[at+"number"] = r.text("getLegalSequenceNumber")
	}
	f[at+"page"] = r.text("getPagination", "getPageNumber")
	f[at+"created"] = r.date("getCreatedOn")
	f[at+"from"], f[at+"to"] = r.date("getFromDate"), r.date("getToDate")
	f[at+"account"] = r.text("getAccount", "getIdentification")
	if name := r.text("getAccount", "getName"); name != "" {
		f[at+"name"] = name
	}
	for i, b := range findObjects(r["getBalances"], `\Balance`) {
		at := fmt.Sprintf("%sbalance %d ", at, i)
		f[at+"code"] = balanceCodes[b.text("getType")]
		f[at+"amount"], f[at+"date"] = b.money(t, "getAmount"), b.date("getDate")
	}
}

func addGoldenEntry(t *testing.T, f values, at string, e object) {
	t.Helper()
	f[at+"amount"] = e.money(t, "getAmount")
	f[at+"booked"], f[at+"value"] = e.date("getBookingDate"), e.date("getValueDate")
	f[at+"status"], f[at+"reversal"] = e.text("getStatus"), e.text("getReversalIndicator")
	f[at+"reference"], f[at+"own"] = e.text("getAccountServicerReference"), e.text("getReference")
	f[at+"text"] = e.text("getAdditionalInfo")
	f[at+"code"] = e.text("getBankTransactionCode", "getProprietary", "getCode")
	if domain, ok := e["getBankTransactionCode"].(map[string]any)["getDomain"].(map[string]any); ok {
		d := object(domain)
		f[at+"code"] = d.text("getCode") + "/" + d.text("getFamily", "getCode") + "/" + d.text("getFamily", "getSubFamilyCode")
	}
	details := findObjects(map[string]any{"0": e["getTransactionDetail"], "1": e["getTransactionDetails"]}, `\EntryTransactionDetail`)
	f[at+"details"] = fmt.Sprint(len(details))
	for i, d := range details {
		addGoldenDetail(t, f, fmt.Sprintf("%sdetail %d ", at, i), d)
	}
}

func addGoldenDetail(t *testing.T, f values, at string, d object) {
	t.Helper()
	for name, key := range map[string]string{
		"reference": "getAccountServicerReference", "transaction": "getTransactionId", "end to end": "getEndToEndId",
		"instruction": "getInstructionId", "mandate": "getMandateId",
	} {
		f[at+name] = d.text("getReference", key)
	}
	if amount := d.money(t, "getAmount"); amount != "" {
		f[at+"amount"] = amount
	} else if amount := d.money(t, "getAmountDetails"); amount != "" {
		f[at+"amount"] = amount
	}
	otherRole := "Debtor"
	if d.text("getCreditDebitIndicator") == "DBIT" {
		otherRole = "Creditor"
	}
	addGoldenParty(f, at, d, otherRole)
	var texts []string
	for _, u := range findObjects(d["getRemittanceInformation"], `\UnstructuredRemittanceInformation`) {
		texts = append(texts, u.text("getMessage"))
	}
	if texts == nil {
		for _, c := range findObjects(d["getRemittanceInformation"], `\CreditorReferenceInformation`) {
			texts = append(texts, c.text("getRef"))
		}
	}
	if texts == nil {
		texts = append(texts, d.text("getAdditionalTransactionInformation"))
	}
	f[at+"text"] = strings.Join(texts, " ")
}

// addGoldenParty adds the counterparty.
func addGoldenParty(f values, at string, d object, otherRole string) {
	for _, p := range findObjects(d["getRelatedParties"], `\RelatedParty`) {
		switch p.text("getRelatedPartyType", "__CLASS__") {
		case `Genkgo\Camt\DTO\` + otherRole:
			f[at+"party"], f[at+"peer"] = p.text("getRelatedPartyType", "getName"), p.text("getAccount", "getIdentification")
		case `Genkgo\Camt\DTO\Ultimate` + otherRole:
			if f[at+"party"] == "" {
				f[at+"party"] = p.text("getRelatedPartyType", "getName")
			}
		}
	}
	for _, a := range findObjects(d, otherRole+"Agent") {
		f[at+"bank"] = a.text("getBIC")
	}
}
