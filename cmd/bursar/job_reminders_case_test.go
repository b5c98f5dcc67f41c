//go:build linux

// Seeded cases of the reminders example, and an independent computation of what is due.

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"mime"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bursar/internal/job/mail/mailtest"
)

// remindersDays are the days of the cases: also such on which clocks change.
var remindersDays = []string{"2025-03-12", "2025-03-30", "2025-10-26", "2025-11-02"}

var remindersZones = []string{
	"Europe/Prague", "Europe/Helsinki", "Europe/London", "America/New_York", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Lord_Howe",
}

// reminder is a message. Its subject names company, invoice and rule.
type reminder struct{ to, subject string }

// reminders is a case: a project, its mail server, and what is due.
type reminders struct {
	t        *testing.T
	random   *rand.Rand
	dir      string
	server   *mailtest.Server
	from, to time.Time                // of the slots
	events   map[string][]string      // by stream
	due      map[reminder]time.Time   // when, of everything that must arrive
	of       map[[2]string][]reminder // by company and invoice
	settled  int                      // reminders of the first slot that are excluded
	limit    time.Duration            // until the next thing is seen, on a machine that does many other things
}

// newReminders makes a project. With few companies, only some hours of a day are executed.
func newReminders(t *testing.T, seed uint64, companies, invoices int) *reminders {
	t.Helper()
	t.Logf("SEED=%d", seed)
	r := &reminders{
		t: t, random: rand.New(rand.NewPCG(seed, 14)), dir: filepath.Join(t.TempDir(), "reminders"),
		limit:  5*time.Minute + time.Duration(companies*invoices)*50*time.Millisecond,
		events: map[string][]string{}, due: map[reminder]time.Time{}, of: map[[2]string][]reminder{},
	}
	day, err := time.Parse(time.DateOnly, remindersDays[seed%uint64(len(remindersDays))])
	if err != nil {
		t.Fatal(err)
	}
	r.from, r.to = day, day.AddDate(0, 0, 1)
	if companies < len(remindersZones) {
		r.from, r.to = day.Add(5*time.Hour), day.Add(10*time.Hour)
	}
	for i := range companies {
		r.addCompany(i, invoices)
	}
	t.Logf("%d reminders are due from %s to %s", len(r.due), r.from, r.to)
	r.server = mailtest.New(t, mailtest.Options{Faults: mailtest.Faults{
		Seed: seed, Refuse: 0.1, Stall: 0.01, Drop: 0.04, DropDuring: 0.04, StallAfter: 0.01, DropAfter: 0.08, StallFor: 6 * time.Second,
	}})
	search := httptest.NewServer(r.server.Handler())
	t.Cleanup(search.Close)
	must(t, 0, "init", r.dir, "--example", "reminders")
	r.edit("bursar.yaml", "env:SMTP_ADDRESS", r.server.Address(), "env:SMTP_SEARCH", strconv.Quote(search.URL+"/api/v1/search?query=message-id:{id}")+"\n  connections: 64")
	// Stalls are longer than the timeout, and no message waits for minutes after the mail server was away.
	r.edit("jobs/reminders.yaml", "retry: {attempts: 20, longest: 5m}", "retry: {attempts: 100, wait: 200ms, longest: 2s}\ntimeout: 5s\nheartbeat: 2s\nconcurrency: 64")
	return r
}

// edit replaces texts in a file of the project.
func (r *reminders) edit(name string, changes ...string) {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			r.t.Fatalf("%s does not contain %s", name, changes[i])
		}
	}
	file(r.t, r.dir, name, strings.NewReplacer(changes...).Replace(string(text)))
}

// slots is their number.
func (r *reminders) slots() int { return int(r.to.Sub(r.from) / time.Hour) }

// firstSlot is the first one with reminders.
func (r *reminders) firstSlot() time.Time {
	return slices.MinFunc(slices.Collect(maps.Values(r.due)), time.Time.Compare)
}

type fields map[string]any

// event returns a line, and adds it to a stream.
func (r *reminders) event(stream string, f fields) string {
	line, err := json.Marshal(f)
	if err != nil {
		r.t.Fatal(err)
	}
	r.events[stream] = append(r.events[stream], string(line))
	return string(line)
}

// addCompany adds a company with its customers, rules and invoices. Each fifth one has ended a rule.
func (r *reminders) addCompany(number, invoices int) {
	const since, later = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"
	id, name, zone := fmt.Sprintf("c%02d", number), fmt.Sprintf("Söhne & Co. %d", number), remindersZones[number%len(remindersZones)]
	r.event("companies", fields{"company": id, "name": name, "zone": "UTC", "currency": "EUR", "since": since})
	r.event("companies", fields{"company": id, "name": name, "zone": zone, "currency": "EUR", "since": later})
	var rules []int
	for _, days := range []int{3, 7, 14} {
		r.event("rules", fields{"company": id, "days": days, "active": true, "since": since})
		if number%5 == 1 && days == 7 {
			r.event("rules", fields{"company": id, "days": days, "active": false, "since": later})
			continue
		}
		rules = append(rules, days)
	}
	for customer := range 10 {
		r.event("customers", fields{
			"company": id, "customer": strconv.Itoa(customer), "name": fmt.Sprint("Customer ", customer), "email": fmt.Sprintf("k%d@%s.example", customer, id), "since": since,
		})
	}
	place, err := time.LoadLocation(zone)
	if err != nil {
		r.t.Fatal(err)
	}
	for number := range invoices {
		invoice, dueOn, isOpen := r.addInvoice(id, number)
		if isOpen {
			for _, rule := range rules {
				r.expect(fmt.Sprintf("k%d@%s.example", number%10, id), fmt.Sprintf("Invoice %s of %s is %d days overdue", invoice, name, rule),
					[2]string{id, invoice}, nine(dueOn.AddDate(0, 0, rule), place))
			}
		}
	}
}

// nine returns the whole hour of UTC that begins between nine and ten in a place.
func nine(date time.Time, place *time.Location) time.Time {
	y, m, d := date.Date()
	return time.Date(y, m, d, 9, 59, 59, 0, place).UTC().Truncate(time.Hour)
}

// expect adds a reminder that is due at a time, if that is one of the slots.
func (r *reminders) expect(to, subject string, invoice [2]string, at time.Time) {
	if !at.Before(r.from) && at.Before(r.to) {
		one := reminder{to, subject}
		r.due[one] = at
		r.of[invoice] = append(r.of[invoice], one)
	}
}

// addInvoice adds what happens to an invoice. Most are due so that a rule is reached on the day of the case.
func (r *reminders) addInvoice(company string, number int) (invoice string, dueOn time.Time, isOpen bool) {
	invoice = fmt.Sprint(company, "/", number)
	dueOn = r.from.Truncate(24*time.Hour).AddDate(0, 0, max(0, r.random.IntN(4)-2)-[]int{3, 7, 14, 5}[r.random.IntN(4)])
	amount, at := 100+r.random.IntN(100_000), dueOn.AddDate(0, -1, 0)
	add := func(kind string, f fields) {
		at = at.Add(time.Hour)
		f["event_id"], f["type"], f["company"], f["invoice"], f["at"] = fmt.Sprint(invoice, "/", kind), kind, company, invoice, at.Format(time.RFC3339)
		r.event("invoices", f)
	}
	add("issued", fields{"customer": strconv.Itoa(number % 10), "due_on": dueOn.Format(time.DateOnly), "amount": cents(amount)})
	switch r.random.IntN(8) {
	case 0:
		add("paid", fields{"amount": cents(amount)})
		return invoice, dueOn, false
	case 1:
		add("disputed", fields{})
		return invoice, dueOn, false
	case 2:
		add("paid", fields{"amount": cents(amount / 2)})
	case 3:
		add("disputed", fields{})
		add("settled", fields{})
	}
	return invoice, dueOn, true
}

func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }

// settleSome returns events that settle invoices with reminders in a slot: they are not due any more.
func (r *reminders) settleSome(slot time.Time) (lines []string) {
	for _, invoice := range slices.SortedFunc(maps.Keys(r.of), func(a, b [2]string) int { return strings.Compare(a[1], b[1]) }) {
		one := r.of[invoice][0]
		if !r.due[one].Equal(slot) || r.random.IntN(4) > 0 && r.settled > 0 {
			continue
		}
		f := fields{"event_id": invoice[1] + "/late", "type": "disputed", "company": invoice[0], "invoice": invoice[1], "at": r.to.Format(time.RFC3339)}
		if r.settled%2 == 0 {
			f["type"], f["amount"] = "paid", "10000.00"
		}
		lines = append(lines, r.event("invoices", f))
		delete(r.due, one)
		r.settled++
	}
	return lines
}

// read returns which reminder a message is.
func (r *reminders) read(m mailtest.Message) reminder {
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Subject)
	if err != nil || len(m.To) != 1 {
		r.t.Fatalf("message %+v: %v", m, err)
	}
	return reminder{m.To[0], subject}
}
