// Reads when batches of events that arrive one by one are sealed, with the units of these limits.

package project

import (
	"regexp"
	"strconv"
	"time"

	"bursar/internal/project/doc"
)

// The bounds of such a batch. Smaller batches cost too much for what they contain, larger ones take too long to recover after a crash.
const (
	minSealEvery  = 100 * time.Millisecond
	maxSealEvery  = 24 * time.Hour
	maxSealEvents = 100_000_000
	minSealBytes  = 1_000_000
	maxSealBytes  = 10_000_000_000
)

// amount matches a number of at most six digits, so that no unit makes it overflow, and its unit.
var amount = regexp.MustCompile(`^([1-9][0-9]{0,5})([a-zA-Z]+)$`)

var (
	timeUnits = map[string]int64{"ms": int64(time.Millisecond), "s": int64(time.Second), "m": int64(time.Minute), "h": int64(time.Hour)}
	sizeUnits = map[string]int64{"MB": 1_000_000, "GB": 1_000_000_000}
)

func readSeal(o doc.Section) Seal {
	o = o.Sub("seal", "every", "events", "bytes")
	every := readAmount(o, "every", int64(DefaultSeal.Every), timeUnits, int64(minSealEvery), int64(maxSealEvery),
		"a time from 100ms to 24h such as 500ms, 1s, 5m or 1h")
	return Seal{
		Every:  time.Duration(every),
		Events: o.Number("events", DefaultSeal.Events, maxSealEvents),
		Bytes:  readAmount(o, "bytes", DefaultSeal.Bytes, sizeUnits, minSealBytes, maxSealBytes, "a size from 1MB to 10GB such as 64MB or 1GB"),
	}
}

// readAmount reads a whole number with a unit, within bounds.
func readAmount(o doc.Section, key string, byDefault int64, units map[string]int64, least, most int64, advice string) int64 {
	text := o.Text(key)
	if text == "" {
		return byDefault
	}
	if m := amount.FindStringSubmatch(text); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64) // six digits at most
		if x := n * units[m[2]]; x >= least && x <= most {
			return x
		}
	}
	o.Fail(key, "is %s: use %s", doc.Brief(text), advice)
	return byDefault
}
