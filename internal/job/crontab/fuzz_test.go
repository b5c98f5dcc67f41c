// Fuzz tests: any crontab is imported without a panic into valid jobs, whose times are those of an independent model of cron.

package crontab

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"bursar/internal/schedule"

	"go.yaml.in/yaml/v3"
)

func FuzzImport(f *testing.F) {
	f.Add(usersCrontab, false)
	f.Add(systemCrontab, true)
	f.Add("A={{\"}}\n* * * * * {{- }} \u2028 \u0085 # \t\r\n", false)
	f.Add("* * * * * echo {{{{ }} {{/* */}} \\%%{{ ` \"\n", false)
	f.Add("'A'=\"\n\"=x\n@daily\t \x1b[0m: [a, b]: {\n", false)
	f.Fuzz(func(t *testing.T, text string, isSystem bool) {
		r, err := Import(strings.NewReader(text), Options{System: isSystem, Zone: "Europe/Prague"})
		if err != nil {
			return
		}
		lines, names := strings.Split(text, "\n"), map[string]bool{}
		for _, j := range r.Jobs {
			var d declaration
			if err := yaml.Unmarshal([]byte(j.YAML), &d); err != nil {
				t.Fatalf("%v in\n%s", err, j.YAML)
			}
			if d.Job != j.Name || names[j.Name] || valid(j.Name) == "" || j.Line < 1 || j.Line > len(lines) {
				t.Fatalf("got %+v", j)
			}
			names[j.Name] = true
			texts := append([]string{}, d.Task.Exec[1:]...)
			for _, value := range d.Task.Env {
				texts = append(texts, value)
			}
			for _, text := range texts {
				if got, err := expand(text); err != nil || literal(got) != text || strings.HasPrefix(text, "env:") || strings.HasPrefix(text, "vault:") {
					t.Fatalf("%q is rendered as %q: %v", text, got, err)
				}
			}
		}
	})
}

func expand(text string) (string, error) {
	parsed, err := template.New("text").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = parsed.Execute(&b, nil)
	return b.String(), err
}

// TestTimes compares the schedules of entries with a model that follows the manual page of cron.
func TestTimes(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var texts []string
		for i := range fields {
			texts = append(texts, randomField(random, &fields[i]))
		}
		line := strings.Join(texts, " ") + " x"
		e, reason := parseEntry(line, false)
		if reason != "" {
			if checkDays(texts[dayField], texts[weekdayField]) == "" {
				t.Errorf("%s: %s", line, reason)
			}
			continue
		}
		after := time.Date(2024+random.IntN(4), time.Month(1+random.IntN(12)), 1+random.IntN(28), random.IntN(24), random.IntN(60), 0, 0, time.UTC)
		s, err := schedule.Parse(e.schedule, time.UTC)
		if err != nil {
			if want, is := modelNext(texts, after); is {
				t.Errorf("%s: %v, but cron executes it at %v", line, err, want)
			}
			continue
		}
		for range 5 {
			want, is := modelNext(texts, after)
			if got := s.Next(after); is && !got.Equal(want) || !is && got.Sub(after) < modelHorizon {
				t.Fatalf("%s after %v: got %v, want %v %v (seed %d)", line, after, got, want, is, seed)
			}
			if after = want; !is {
				break
			}
		}
	}
}

// randomField returns a valid field: most are simple.
func randomField(random *rand.Rand, f *field) string {
	value := func(least int) (int, string) {
		n := least + random.IntN(f.high-least+1)
		if i := n - f.low; i < len(f.names) && random.IntN(3) == 0 {
			return n, f.names[i]
		}
		return n, strconv.Itoa(n)
	}
	var items []string
	for range 1 + max(0, random.IntN(5)-2) {
		low, item := value(f.low)
		switch random.IntN(5) {
		case 0, 1:
			item = "*"
		case 2:
			item = "*/" + strconv.Itoa(1+random.IntN(f.high))
		case 3:
			_, high := value(low)
			if item += "-" + high; random.IntN(2) == 0 {
				item += "/" + strconv.Itoa(1+random.IntN(f.high))
			}
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}

// modelHorizon is how far the model looks.
const modelHorizon = 366 * 24 * time.Hour

// modelNext finds the next minute that all fields match: the days as cron does.
func modelNext(texts []string, after time.Time) (time.Time, bool) {
	var sets [len(fields)]map[int]bool
	for i, text := range texts {
		sets[i] = modelSet(text, &fields[i])
	}
	end := after.Add(modelHorizon)
	for day := after.Truncate(24 * time.Hour); day.Before(end); day = day.AddDate(0, 0, 1) {
		isDay, isWeekday := sets[dayField][day.Day()], sets[weekdayField][int(day.Weekday())] || day.Weekday() == time.Sunday && sets[weekdayField][7]
		isDue := isDay && isWeekday
		if texts[dayField][0] != '*' && texts[weekdayField][0] != '*' {
			isDue = isDay || isWeekday
		}
		if !isDue || !sets[3][int(day.Month())] {
			continue
		}
		for minute := range 24 * 60 {
			at := day.Add(time.Duration(minute) * time.Minute)
			if at.After(after) && sets[1][minute/60] && sets[0][minute%60] {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

func modelSet(text string, f *field) map[int]bool {
	set := map[int]bool{}
	for item := range strings.SplitSeq(strings.ToLower(text), ",") {
		for i, name := range f.names {
			item = strings.ReplaceAll(item, name, strconv.Itoa(f.low+i))
		}
		low, high, step := f.low, f.high, 1
		if values, text, has := strings.Cut(item, "/"); has {
			item = values
			step, _ = strconv.Atoi(text)
		}
		if item != "*" {
			if n, _ := fmt.Sscanf(item, "%d-%d", &low, &high); n == 1 {
				high = low
			}
		}
		for n := low; n <= high; n += step {
			set[n] = true
		}
	}
	return set
}
