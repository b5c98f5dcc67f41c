// References of entries: which of them identify an entry.

package rows

import (
	"fmt"
	"strconv"
	"strings"

	"bursar/internal/aggregate/format/statement"
)

// reference identifies an entry together with day and money. A temporary FITID does not; the entry is identified by its whole content.
func (t *rowBuilder) reference(e *statement.Entry) string {
	if t.temporaryFITIDs {
		return ""
	}
	return e.Reference
}

// refuseCorrection refuses a correcting entry if FITIDs are temporary: the corrected entry cannot be found.
func refuseCorrection(e *statement.Entry) {
	e.Replaced, e.Replaces = false, nil
	if e.Corrects == "" {
		return
	}
	e.Amount += " to correct FITID " + e.Corrects
	e.Refused = &statement.Refusal{Column: "amount", Reason: fmt.Sprintf(
		"CORRECTFITID %s cannot be found: the institution's FITIDs are declared as temporary (fitids: temporary)", e.Corrects)}
	e.Corrects, e.Status = "", ""
}

// maxLineDigits is the maximum number of digits of a reference that only counts the entries of a file.
const maxLineDigits = 6

// ownReference is the account owner's reference of the entry. In CAMT many banks write the position of the entry in its
// message there, which differs in another message and identifies nothing. It is recognised by a reference of the
// servicer beside it, or by its value.
func (t *rowBuilder) ownReference(e *statement.Entry) string {
	if t.rules.Former || !strings.HasPrefix(t.stmt.Format, "camt") || len(e.Own) > maxLineDigits || strings.Trim(e.Own, "0123456789") != "" {
		return e.Own
	}
	if e.Reference != "" || strings.TrimLeft(e.Own, "0") == strconv.FormatInt(t.entryCount, 10) {
		return ""
	}
	return e.Own
}
