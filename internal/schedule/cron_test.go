// Tests of which cron expressions are refused, and that those that are accepted are due when they say.

package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/adhocore/gronx"
)

func TestRefusedCron(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"*,99 * * * *":      `minute "*,99" has * in a list`,
		"0 0 1 * *,1":       `day of the week "*,1" has * in a list`,
		"0 0 ?,1 * *":       `day of the month "?,1" has * in a list`,
		"0,99 * * * *":      `minute "99" is not a number from 0 to 59`,
		"0 24 * * *":        `hour "24" is not a number from 0 to 23`,
		"0 1,2,24-25 * * *": `hour "24" is not`,
		"0 0 0 * *":         `day of the month "0" is not a number from 1 to 31`,
		"0 0 32 * *":        `day of the month "32" is not`,
		"0 0 0/5 * *":       `day of the month "0" is not`,
		"0 0 1 0 *":         `month "0" is not a number from 1 to 12 or a name such as DEC`,
		"0 0 1 JANUARY *":   `month "JANUARY" is not`,
		"0 MON * * *":       `hour "MON" is not a number from 0 to 23`,
		"0 0 * * 8":         `day of the week "8" is not`,
		"0 0 * * 5-1":       `day of the week "5-1" begins after its end`,
		"0 0 * * 7-3/2":     `day of the week "7-3" begins after its end`,
		"0 22-6 * * *":      `hour "22-6" begins after its end: write two ranges`,
		"1-3-5 * * * *":     `minute "3-5" is not`,
		"+5 * * * *":        `minute "+5" is not`,
		"-5 * * * *":        `minute "" is not`,
		"1, * * * *":        `minute "" is not`,
		"*/0 * * * *":       `step "0" of the minute is not a number from 1 to 60`,
		"*/90 * * * *":      "every 90m",
		"*/5/2 * * * *":     `step "5/2"`,
		"1,70/5 * * * *":    `minute "70" is not`,
		"0 0 0W * *":        `day of the month "0" is not`,
		"0 0 LW * *":        `day of the month "L" is not`,
		"0 0 1WX * *":       `day of the month "1WX" is not`,
		"0 0 1,99W * *":     `day of the month "99" is not`,
		"0 0 * * 5#6":       `what follows # is a number from 1 to 5`,
		"0 0 * * 9L":        `day of the week "9" is not`,
		"0 0 * * L":         `day of the week "" is not`,
		"0 0 30 FEB *":      "never due",
		"0 0 31 2,4,6 *":    "never due",
		"0 0 30,31 2 *":     "never due",
	} {
		s, err := Parse(text, time.UTC)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, %v; want %s", text, s, err, want)
		}
	}
}

// TestAcceptedCron: the library agrees, at any time, that each element of an accepted expression is valid.
func TestAcceptedCron(t *testing.T) {
	t.Parallel()
	checker := &gronx.SegmentChecker{}
	for _, text := range []string{
		"* * * * *", "0 6 * * 1-5", "*/7 1,2 L * ?", "0 0 1W * 5#3", "0 0 31 4,6,7 *", "05 08 * jan-mar Mon-fri", "0 0 * * 7-2", "0 0 * * 7", "0 0 * * SUN,6L",
		"5/15 0/6 * 2/3 7/2", "*/60 */24 */31 */12 */8", "10-50/10,55 * 1-7 * *", "0 0 15W,L * 1#1,5#5",
	} {
		if _, err := Parse(text, time.UTC); err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		segments, err := gronx.Segments(text)
		if err != nil {
			t.Fatal(err)
		}
		for at := time.Date(2028, 2, 27, 22, 59, 0, 0, time.UTC); at.Month() < 4; at = at.Add(61 * time.Minute) {
			checker.SetRef(at)
			for place, segment := range segments {
				for element := range strings.SplitSeq(segment, ",") {
					if _, err := checker.CheckDue(element, place); err != nil {
						t.Fatalf("%q at %s: %s: %v", text, at, element, err)
					}
				}
			}
		}
	}
}
