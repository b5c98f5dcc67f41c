// The known elements of the format and their nesting.

package ofx

import (
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// rank orders the known elements that contain others, from the outside in. An element closes all open elements of the
// same or an inner rank, because banks omit end tags. Elements of rank none are values, or contain others if they
// have an end tag.
type rank int8

const (
	none     rank = iota
	file          // OFX
	set           // messages of a kind
	response      // to one request
	report        // a statement
	list          // of entries, positions, securities
	group         // handled when it ends; may contain items
	item          // handled when it ends, unless it is within a group
)

type kind struct {
	rank   rank
	emit   func(*reader) // of groups and items: handles the complete record
	onlyIn string        // the list in which it is known; "" for anywhere
}

type element struct {
	name  string
	kind  kind
	place statement.Place
	node  int // its node in the open record
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

// Names of elements that are handled alike, and the responses that are read; others are reported as not read.
const (
	readResponses = "STMTTRNRS CCSTMTTRNRS INVSTMTTRNRS ACCTINFOTRNRS SECLISTTRNRS"
	transactions  = "BUYDEBT BUYMF BUYOPT BUYOTHER BUYSTOCK CLOSUREOPT INCOME INVBANKTRAN INVEXPENSE JRNLFUND JRNLSEC MARGININTEREST " +
		"REINVEST RETOFCAP SELLDEBT SELLMF SELLOPT SELLOTHER SELLSTOCK SPLIT TRANSFER"
	positions  = "POSDEBT POSMF POSOPT POSOTHER POSSTOCK"
	securities = "DEBTINFO MFINFO OPTINFO OTHERINFO STOCKINFO"
)

// kindOf returns the kind of an element by its name in capitals.
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
