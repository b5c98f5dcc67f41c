// The known elements of the format and their nesting, and the record of a complete one.

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
	"MFACHALLENGE": {rank: item, emit: (*reader).challenge},
	"BANKACCTFROM": {rank: item, emit: (*reader).statementAccount}, "CCACCTFROM": {rank: item, emit: (*reader).statementAccount},
	"INVACCTFROM": {rank: item, emit: (*reader).statementAccount},
	"STMTTRN":     {rank: item, emit: (*reader).acceptEntry}, "STMTTRNP": {rank: item, emit: (*reader).acceptEntry},
	"LEDGERBAL": {rank: item, emit: (*reader).emitBalance}, "AVAILBAL": {rank: item, emit: (*reader).emitBalance},
	"BAL":    {rank: item, emit: func(p *reader) { p.noticeOther("balance", balanceFields(&p.record, 0)...) }},
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

const (
	maxNodes  = 2048                   // elements of a record
	maxRecord = 4 * statement.MaxValue // bytes of its values
)

// record is a tree of elements in the file's order. The first is the root, and every element comes after its parent.
type record struct {
	nodes []node
	place statement.Place
	bytes int
	ended bool // by its end tag
}

type node struct {
	name, value string
	parent      int
}

func (r *record) active() bool { return len(r.nodes) > 0 }

// add adds an element below parent and returns its index.
func (r *record) add(e *element, value string, parent int) (int, error) {
	if len(r.nodes) == 0 {
		r.place = e.place
	}
	r.bytes += len(value)
	if len(r.nodes) == maxNodes || r.bytes > maxRecord {
		return 0, statement.Refuse(r.place, "<%s> contains more than %d elements or %d bytes", r.nodes[0].name, maxNodes, maxRecord)
	}
	r.nodes = append(r.nodes, node{e.name, value, parent})
	return len(r.nodes) - 1, nil
}

// setParent makes an element the parent of the siblings after it: its end tag has shown that it is not an empty
// value.
func (r *record) setParent(parent int) {
	for i := parent + 1; i < len(r.nodes); i++ {
		if r.nodes[i].parent == r.nodes[parent].parent {
			r.nodes[i].parent = parent
		}
	}
}

func (r *record) reset() { r.nodes, r.bytes, r.ended = r.nodes[:0], 0, false }

// get returns the root's value of that name. Different values of one name are joined, which gives neither a valid
// amount nor a valid date.
func (r *record) get(name string) string { return r.valueAt(0, name) }

// valueIn returns the value of that name within a child of the root.
func (r *record) valueIn(parent, name string) string {
	for i := range r.nodes {
		if i > 0 && r.nodes[i].parent == 0 && r.nodes[i].name == parent {
			return r.valueAt(i, name)
		}
	}
	return ""
}

func (r *record) valueAt(parent int, name string) string {
	found, others := "", []string(nil)
	for i := parent + 1; i < len(r.nodes); i++ {
		n := &r.nodes[i]
		if n.parent < parent {
			break // descendants are contiguous
		}
		switch {
		case n.parent != parent || n.name != name || n.value == "" || n.value == found:
		case found == "":
			found = n.value
		default:
			others = append(others, n.value)
		}
	}
	if others != nil {
		found += " " + strings.Join(others, " ")
	}
	return found
}

// findValue returns the first value of that name, at any depth.
func (r *record) findValue(name string) string {
	for i := range r.nodes {
		if n := &r.nodes[i]; n.name == name && n.value != "" {
			return n.value
		}
	}
	return ""
}
