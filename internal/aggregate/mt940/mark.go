// Decimal marks: the comma that the format has, and the point that some programs write.

package mt940

import (
	"fmt"
	"strings"

	"bursar/internal/aggregate/statement"
)

// decimalMark is what the file's amounts have; 0 until one has a mark. It is the first one's: no file has both.
type decimalMark struct {
	mark        byte
	firstAmount string // the amount that it is known by
}

// maxDecimalsAfterPoint is how many decimals an amount with a point has: three digits behind it may be a group as well.
const maxDecimalsAfterPoint = 2

// parseAmount reads an amount. Where its mark is why it cannot be read, why says so.
func (d *decimalMark) parseAmount(text string) (amount string, ok bool, why string) {
	at := strings.IndexAny(text, ",.")
	if at < 0 {
		amount, ok = statement.Amount(text, ',')
		return amount, ok, ""
	}
	mark := text[at]
	switch behind := text[at+1:]; {
	case d.mark != 0 && d.mark != mark:
		return text, false, fmt.Sprintf("the amount %#q has a decimal %s, and %#q before it a %s: a file has one of the two", text, markName(mark), d.firstAmount, markName(d.mark))
	case mark == '.' && strings.ContainsAny(behind, ",."):
		return text, false, fmt.Sprintf("the amount %#q has a point between groups of digits, which MT940 does not have", text)
	case mark == '.' && len(behind) > maxDecimalsAfterPoint:
		return text, false, fmt.Sprintf("the amount %#q has a point with %d digits behind it: it may be a decimal point or divide groups", text, len(behind))
	}
	if amount, ok = statement.Amount(text, mark); ok && d.mark == 0 {
		d.mark, d.firstAmount = mark, text
	}
	return amount, ok, ""
}

func markName(mark byte) string {
	if mark == '.' {
		return "point"
	}
	return "comma"
}
