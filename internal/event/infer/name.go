// Derives names from files and columns that a stream file may use.

package infer

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	camelHump    = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	acronym      = regexp.MustCompile(`([A-Z])([A-Z][a-z])`)
	notNameChars = regexp.MustCompile(`[^a-z0-9]+`)
	datedEnd     = regexp.MustCompile(`(_[0-9]+)+$`)
	datedStart   = regexp.MustCompile(`^([0-9]+_)+`)
	lettered     = regexp.MustCompile(`^[a-z]`)
)

// maxName keeps lines readable.
const maxName = 60

// snake writes a name in lower case with _ between words: CustomerID and "Customer ID" become customer_id.
func snake(s string) string {
	s = acronym.ReplaceAllString(camelHump.ReplaceAllString(s, "${1}_${2}"), "${1}_${2}")
	s = strings.Trim(notNameChars.ReplaceAllString(strings.ToLower(s), "_"), "_")
	return strings.Trim(s[:min(len(s), maxName)], "_")
}

// columnName names column i after its header or path.
func columnName(from string, i int) string {
	name := snake(from)
	switch {
	case name == "":
		return fmt.Sprintf("column_%d", i+1)
	case !lettered.MatchString(name):
		return "c_" + name
	}
	return name
}

// unique returns the name, numbered if it is in use.
func unique(name string, taken map[string]bool) string {
	try := name
	for n := 2; taken[try]; n++ {
		try = fmt.Sprintf("%s_%d", name, n)
	}
	taken[try] = true
	return try
}

// streamName names a stream after its file, without the date or number that distinguishes its files.
func streamName(file string) string {
	for _, suffix := range []string{".gz", ".zst"} {
		file = strings.TrimSuffix(file, suffix)
	}
	name := snake(strings.TrimSuffix(file, filepath.Ext(file)))
	name = datedStart.ReplaceAllString(datedEnd.ReplaceAllString(name, ""), "")
	if !lettered.MatchString(name) {
		return "events"
	}
	return name
}

// notIDs end like ids but are not.
var notIDs = []string{"paid", "unpaid", "prepaid", "valid", "invalid", "void", "bid", "grid", "rapid", "fluid", "solid", "said", "aid", "avoid"}

func idLike(name string) bool {
	last := name[strings.LastIndexByte(name, '_')+1:]
	switch last {
	case "id", "no", "nr", "uuid", "guid", "number", "ref", "reference", "key":
		return true
	}
	return (strings.HasSuffix(last, "id") || strings.HasSuffix(last, "no")) && len(last) > 4 && !slices.Contains(notIDs, last)
}

// moneyLike reports whether a column of this name probably needs a control total.
func moneyLike(name string) bool {
	for _, word := range strings.Split(name, "_") {
		switch strings.TrimSuffix(word, "s") {
		case "amount", "amt", "total", "price", "cost", "fee", "tax", "vat", "net", "gross", "balance", "value",
			"sum", "charge", "revenue", "debit", "credit", "payment", "paid", "refund", "discount", "turnover":
			return true
		}
	}
	return false
}

// dateLike reports whether a number in a column of this name may be a date.
func dateLike(name string) bool {
	return strings.Contains(name, "date") || strings.Contains(name, "day") || strings.Contains(name, "time")
}
