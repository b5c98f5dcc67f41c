// The elements of the format that have a place in its order.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/statement"
)

// rank orders the known elements that hold others, from the outside in. One of a rank ends all that are open of the same rank
// or further in, since banks forget end tags. Elements of rank none are values, or hold others if an end tag says so.
type rank int8

const (
	none     rank = iota
	file          // OFX
	set           // messages of a kind
	response      // to one request
	report        // a statement
	list          // of entries, positions, securities
	group         // told whole when it ends; may hold an item
	item          // told whole when it ends, unless within a group
)

type kind struct {
	rank   rank
	emit   func(*reader) error // of groups and items: what is done with the whole
	onlyIn string              // the list that it is known in; empty is anywhere
}

type element struct {
	name  string
	kind  kind
	place statement.Place
	node  int // its node in the record, while one is read
}

var kinds = map[string]kind{
	"OFX":    {rank: file},
	"STMTRS": {rank: report}, "CCSTMTRS": {rank: report}, "INVSTMTRS": {rank: report},
	"BANKTRANLIST": {rank: list}, "BANKTRANLISTP": {rank: list}, "INVTRANLIST": {rank: list}, "INVPOSLIST": {rank: list},
	"SECLIST": {rank: list},
	"SONRS":   {rank: group, emit: (*reader).signOn}, "STATUS": {rank: item, emit: (*reader).status}, "ACCTINFO": {rank: group, emit: (*reader).listedAccounts},
	"BANKACCTFROM": {rank: item, emit: (*reader).statementAccount}, "CCACCTFROM": {rank: item, emit: (*reader).statementAccount},
	"INVACCTFROM": {rank: item, emit: (*reader).statementAccount},
	"STMTTRN":     {rank: item, emit: (*reader).acceptEntry}, "STMTTRNP": {rank: item, emit: (*reader).acceptEntry},
	"LEDGERBAL": {rank: item, emit: (*reader).emitBalance}, "AVAILBAL": {rank: item, emit: (*reader).emitBalance}, "BAL": {rank: item, emit: (*reader).namedBalance},
	"INVBAL": {rank: group, emit: (*reader).investmentBalance}, "INV401KBAL": {rank: group, emit: (*reader).investmentBalance},
	"SECINFO": {rank: item, emit: (*reader).security, onlyIn: "SECLIST"},
}

// Kinds that are told alike, and the answers that hold what is told; of others it is told that they are not read.
const (
	readResponses = "STMTTRNRS CCSTMTTRNRS INVSTMTTRNRS ACCTINFOTRNRS SECLISTTRNRS"
	transactions  = "BUYDEBT BUYMF BUYOPT BUYOTHER BUYSTOCK CLOSUREOPT INCOME INVBANKTRAN INVEXPENSE JRNLFUND JRNLSEC MARGININTEREST " +
		"REINVEST RETOFCAP SELLDEBT SELLMF SELLOPT SELLOTHER SELLSTOCK SPLIT TRANSFER"
	positions  = "POSDEBT POSMF POSOPT POSOTHER POSSTOCK"
	securities = "DEBTINFO MFINFO OPTINFO OTHERINFO STOCKINFO"
)

// kindOf is the kind of the element of that name, in capitals.
func kindOf(name string) kind {
	if k, ok := kinds[name]; ok {
		return k
	}
	switch {
	case strings.HasSuffix(name, "MSGSRSV1"), strings.HasSuffix(name, "MSGSRSV2"):
		return kind{rank: set}
	case strings.HasSuffix(name, "TRNRS"):
		return kind{rank: response}
	case isOneOf(transactions, name):
		return kind{rank: group, emit: (*reader).transaction, onlyIn: "INVTRANLIST"}
	case isOneOf(positions, name):
		return kind{rank: group, emit: (*reader).position, onlyIn: "INVPOSLIST"}
	case isOneOf(securities, name):
		return kind{rank: group, emit: (*reader).security, onlyIn: "SECLIST"}
	}
	return kind{}
}

func isOneOf(names, name string) bool { return strings.Contains(" "+names+" ", " "+name+" ") }
