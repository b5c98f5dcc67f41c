// Parses dates and timestamps: text to days and microseconds since 1970, exactly or not at all.

package scan

import "time"

// moment is a date and time of day as written, with the offset from UTC in seconds, if there is one.
type moment struct {
	year, month, day  int
	hour, minute, sec int
	micro             int
	offset            int
	zoned             bool
}

// NotWritten begins the reason why a text does not follow a format, which it names in the syntax of declarations.
const NotWritten = "it is not written"

// Reasons why a text is not a date or timestamp.
const (
	notISODate   = NotWritten + " %Y-%m-%d"
	notISOTime   = NotWritten + " %Y-%m-%dT%H:%M:%S, with up to 6 decimals and Z, +01:00 or no zone"
	noSuchDate   = "there is no such date"
	noSuchTime   = "there is no such time of day"
	leapSecond   = "leap seconds are not kept"
	finerMicros  = "it is finer than microseconds"
	badOffset    = "there is no such zone offset"
	outsideYears = "years go from 0001 to 9999"
	skippedLocal = "the zone's clocks skip this local time"
	doubledLocal = "the zone's clocks show this local time twice"
)

const (
	secondsPerDay = 86400
	minSeconds    = -62135596800 // 0001-01-01
	maxSeconds    = 253402300799 // 9999-12-31T23:59:59
)

// two parses two digits; anything else returns more than 99.
func two(b []byte, i int) int {
	high, low := b[i]-'0', b[i+1]-'0'
	if high > 9 || low > 9 {
		return 10000
	}
	return int(high)*10 + int(low)
}

func (m *moment) isoDate(b []byte) string {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return notISODate
	}
	century, year := two(b, 0), two(b, 2)
	m.month, m.day = two(b, 5), two(b, 8)
	if century > 99 || year > 99 || m.month > 99 || m.day > 99 {
		return notISODate
	}
	m.year = century*100 + year
	return m.checkDate()
}

func (m *moment) checkDate() string {
	if m.year == 0 {
		return outsideYears
	}
	if m.month-1 > 11 || m.month < 1 || m.day < 1 || m.day > daysIn(m.year, m.month) {
		return noSuchDate
	}
	return ""
}

func (m *moment) checkTime() string {
	switch {
	case m.sec == 60:
		return leapSecond
	case m.hour > 23 || m.minute > 59 || m.sec > 59:
		return noSuchTime
	}
	return ""
}

func daysIn(year, month int) int {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month>>3)&1
}

// days counts from 1970-01-01 in the Gregorian calendar, with years that start in March so that leap days come last.
func (m *moment) days() int64 {
	y, month := m.year, m.month-3
	if month < 0 {
		y, month = y-1, month+12
	}
	y += 400 // keeps every term positive in year 1
	return int64(365*y+y/4-y/100+y/400+(153*month+2)/5+m.day-1) - 719468 - 146097
}

// isoTimestamp parses 2006-01-02T15:04:05 with T or a blank, optional decimals and an optional offset.
func (m *moment) isoTimestamp(b []byte) string {
	if len(b) < 19 || b[10] != 'T' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return notISOTime
	}
	m.hour, m.minute, m.sec = two(b, 11), two(b, 14), two(b, 17)
	if m.hour > 99 || m.minute > 99 || m.sec > 99 {
		return notISOTime
	}
	if reason := m.isoDate(b[:10]); reason != "" {
		if reason == notISODate {
			return notISOTime
		}
		return reason
	}
	if reason := m.checkTime(); reason != "" {
		return reason
	}
	rest := b[19:]
	if len(rest) == 1 && rest[0] == 'Z' {
		m.zoned = true
		return ""
	}
	return m.isoRest(rest)
}

// isoRest parses what follows the seconds: decimals, then an offset.
func (m *moment) isoRest(b []byte) string {
	if len(b) > 0 && b[0] == '.' {
		n, reason := m.fraction(b[1:])
		if reason != "" {
			return reason
		}
		if n == 0 {
			return notISOTime
		}
		b = b[1+n:]
	}
	if len(b) == 0 {
		return ""
	}
	n, reason := m.zoneOffset(b)
	if reason == "" && n != len(b) {
		return notISOTime
	}
	return reason
}

// fraction parses decimals of a second. After the sixth they must be zeros.
func (m *moment) fraction(b []byte) (n int, reason string) {
	m.micro = 0
	unit := 100000
	for n < len(b) && b[n]-'0' <= 9 {
		d := int(b[n] - '0')
		if unit == 0 && d != 0 {
			return 0, finerMicros
		}
		m.micro += d * unit
		unit /= 10
		n++
	}
	return n, ""
}

// zoneOffset parses Z, +01:00, +0100 or +01.
func (m *moment) zoneOffset(b []byte) (n int, reason string) {
	m.zoned = true
	if len(b) > 0 && b[0] == 'Z' {
		return 1, ""
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, notISOTime
	}
	hours, minutes, n := two(b, 1), 0, 3
	switch {
	case len(b) >= 6 && b[3] == ':':
		minutes, n = two(b, 4), 6
	case len(b) >= 5 && b[3] != ':':
		minutes, n = two(b, 3), 5
	}
	if hours > 23 || minutes > 59 {
		return 0, badOffset
	}
	m.offset = (hours*60 + minutes) * 60
	if b[0] == '-' {
		m.offset = -m.offset
	}
	return n, ""
}

// seconds counts from 1970-01-01T00:00:00 as if the clock showed UTC.
func (m *moment) seconds() int64 {
	return m.days()*secondsPerDay + int64(m.hour*3600+m.minute*60+m.sec)
}

// zoneCache caches the range of local time around the last value in which a zone had one offset.
type zoneCache struct {
	from, to int64 // local seconds
	offset   int64
}

// utc converts local seconds to UTC, if the zone's clocks show that time exactly once.
func (c *zoneCache) utc(local int64, zone *time.Location) (seconds int64, reason string) {
	if local >= c.from && local < c.to {
		return local - c.offset, ""
	}
	matches := 0
	// A zone's offsets stay within a day, so the offsets in force a day before and after are all that can show this time.
	for at := local - secondsPerDay; at < local+secondsPerDay; {
		_, offset := time.Unix(at, 0).In(zone).Zone()
		start, end := bounds(at, zone)
		if utc := local - int64(offset); utc >= start && utc < end {
			seconds, matches = utc, matches+1
			*c = zoneCache{from: start + int64(offset) + secondsPerDay, to: end + int64(offset) - secondsPerDay, offset: int64(offset)}
		}
		at = end
	}
	switch matches {
	case 0:
		return 0, skippedLocal
	case 1:
		return seconds, ""
	default:
		return 0, doubledLocal
	}
}

// bounds is the stretch of UTC around at in which the zone keeps one offset.
func bounds(at int64, zone *time.Location) (start, end int64) {
	from, to := time.Unix(at, 0).In(zone).ZoneBounds()
	start, end = minSeconds-secondsPerDay, maxSeconds+secondsPerDay
	if !from.IsZero() {
		start = from.Unix()
	}
	if !to.IsZero() {
		end = to.Unix()
	}
	return start, end
}
