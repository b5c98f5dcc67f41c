//go:build linux

// The example of the warehouse: its result equals what a program counts in the files, and docs/verification.md shows it.

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bursar/internal/postgres/postgrestest"
)

const byWeek = "SELECT * FROM verification_by_week ORDER BY week"

// TestWarehouseExample compares the example on both databases with velocities that are counted here.
func TestWarehouseExample(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func() string{
		"duckdb":   func() string { return "" },
		"postgres": func() string { return fmt.Sprintf("warehouse: {kind: postgres, url: %q}\n", postgrestest.URL(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "users")
			must(t, 0, "init", dir, "--example", "warehouse")
			file(t, dir, "bursar.yaml", config())
			must(t, 0, "check", "--project", dir)
			must(t, 0, "load", "--project", dir)
			must(t, 0, "model", "run", "--project", dir)
			got := must(t, 0, "query", byWeek, "--json", "--project", dir)
			var result struct{ Rows []weekRow }
			if err := json.Unmarshal([]byte(got.out), &result); err != nil {
				t.Fatal(err)
			}
			if want := countVerified(t, dir); !slices.Equal(result.Rows, want) {
				t.Errorf("the models say\n%+v, want\n%+v", result.Rows, want)
			}
			if name == "duckdb" {
				checkVerificationPage(t, must(t, 0, "query", byWeek, "--project", dir).out, result.Rows)
			}
		})
	}
}

// weekRow is a row of verification_by_week.
type weekRow struct {
	week                                       string
	users, verified, withinADay, medianMinutes int
}

// UnmarshalJSON reads a row as query prints it.
func (r *weekRow) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&r.week, &r.users, &r.verified, &r.withinADay, &r.medianMinutes})
}

// countVerified counts in the files what the models count.
func countVerified(t *testing.T, dir string) (rows []weekRow) {
	t.Helper()
	created, verified := map[string]time.Time{}, map[string]time.Time{}
	files, err := filepath.Glob(filepath.Join(dir, "events", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(strings.NewReader(string(text))); lines.Scan(); {
			var e struct {
				Event      string
				User       struct{ ID string }
				HappenedAt time.Time `json:"happened_at"`
			}
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			switch e.Event {
			case "user_created":
				created[e.User.ID] = e.HappenedAt
			case "user_verified":
				verified[e.User.ID] = e.HappenedAt
			}
		}
	}
	users, minutes := map[string]int{}, map[string][]int{}
	for id, at := range created {
		week := at.AddDate(0, 0, -(int(at.Weekday())+6)%7).Format(time.DateOnly)
		users[week]++
		if end, ok := verified[id]; ok {
			minutes[week] = append(minutes[week], int(end.Sub(at)/time.Minute))
		}
	}
	for week, n := range users {
		list := minutes[week]
		slices.Sort(list)
		fast, _ := slices.BinarySearch(list, 24*60+1)
		rows = append(rows, weekRow{week, n, len(list), fast, list[(len(list)-1)/2]})
	}
	slices.SortFunc(rows, func(a, b weekRow) int { return strings.Compare(a.week, b.week) })
	return rows
}

// checkVerificationPage compares the result and the chart in docs/verification.md with those of now; -update writes them.
func checkVerificationPage(t *testing.T, printed string, rows []weekRow) {
	t.Helper()
	const page = "../../docs/verification.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	now := string(text)
	for _, part := range []struct{ name, text string }{{"result", "```\n" + printed + "```\n"}, {"chart", chartOf(rows)}} {
		mark := "<!-- " + part.name + " -->\n\n"
		place := regexp.MustCompile("(?s)" + mark + "(```.*?```\n\n?)?")
		if !place.MatchString(now) {
			t.Fatalf("%s has no place for the %s", page, part.name)
		}
		now = place.ReplaceAllLiteralString(now, mark+part.text+"\n")
	}
	if now == string(text) {
		return
	}
	if !*update {
		t.Errorf("%s does not show the result of the example; `go test ./cmd/bursar -run TestWarehouseExample -update` writes it", page)
		return
	}
	if err := os.WriteFile(page, []byte(now), 0o600); err != nil {
		t.Fatal(err)
	}
}

// chartOf draws the median of each week in hours.
func chartOf(rows []weekRow) string {
	weeks, hours := make([]string, len(rows)), make([]string, len(rows))
	for i, row := range rows {
		weeks[i] = strings.TrimPrefix(row.week, "2026-")
		hours[i] = fmt.Sprintf("%.1f", float64(row.medianMinutes)/60)
	}
	return "```mermaid\nxychart-beta\n    title \"Half of the users were verified within so many hours\"\n    x-axis \"week of creation\" [" +
		strings.Join(weeks, ", ") + "]\n    y-axis \"hours\" 0 --> 60\n    bar [" + strings.Join(hours, ", ") + "]\n```\n"
}
