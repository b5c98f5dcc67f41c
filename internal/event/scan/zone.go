// Converts local times to UTC if a zone's clocks show them exactly once.

package scan

import "time"

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
