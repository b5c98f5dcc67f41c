// Holiday calendars by name.

package project

import (
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/at"
	"github.com/rickar/cal/v2/be"
	"github.com/rickar/cal/v2/cz"
	"github.com/rickar/cal/v2/de"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/ecb"
	"github.com/rickar/cal/v2/es"
	"github.com/rickar/cal/v2/fr"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/hr"
	"github.com/rickar/cal/v2/ie"
	"github.com/rickar/cal/v2/it"
	"github.com/rickar/cal/v2/lt"
	"github.com/rickar/cal/v2/lv"
	"github.com/rickar/cal/v2/nl"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/pl"
	"github.com/rickar/cal/v2/ro"
	"github.com/rickar/cal/v2/se"
	"github.com/rickar/cal/v2/si"
	"github.com/rickar/cal/v2/sk"
	"github.com/rickar/cal/v2/us"
)

// The library uses the machine's zone by default; a calendar must have the same meaning on every machine.
func init() { cal.DefaultLoc = time.UTC }

// holidayCalendars are the closing days of TARGET and the public holidays of whole countries, by ISO code. Countries whose holidays
// differ by region are left out, unless there is a list of those that all regions have.
var holidayCalendars = map[CalendarKind][]*cal.Holiday{
	"target": ecb.Holidays,
	"at":     at.Holidays,
	"be":     be.Holidays,
	"cz":     cz.Holidays,
	"de":     de.Holidays,
	"dk":     dk.Holidays,
	"es":     es.Holidays,
	"fr":     fr.Holidays,
	"gb":     gb.Holidays,
	"hr":     hr.Holidays,
	"ie":     ie.Holidays,
	"it":     it.Holidays,
	"lt":     lt.Holidays,
	"lv":     lv.Holidays,
	"nl":     nl.Holidays,
	"no":     no.Holidays,
	"pl":     pl.Holidays,
	"ro":     ro.Holidays,
	"se":     se.Holidays,
	"si":     si.Holidays,
	"sk":     sk.Holidays,
	"us":     us.Holidays,
}

// calendarNames lists the valid calendars, the constants first.
func calendarNames() []string {
	names := []string{string(EveryFileDay), string(Daily), string(Weekdays), "target"}
	var countries []string
	for kind := range holidayCalendars {
		if kind != "target" {
			countries = append(countries, string(kind))
		}
	}
	slices.SortFunc(countries, strings.Compare)
	return append(names, countries...)
}
