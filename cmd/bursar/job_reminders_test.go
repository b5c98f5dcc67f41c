//go:build linux

// The reminders example with many invoices, while the mail server fails in every way and `bursar up` is killed: each reminder that is due arrives
// once, and no other.

package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRemindersArriveOnce kills `bursar up` twice while it sends. SEED=n replays a case.
func TestRemindersArriveOnce(t *testing.T) {
	t.Parallel()
	remindersArriveOnce(t, remindersSeed(), 5, 40)
}

// TestSoakRemindersArriveOnce has as many companies and invoices as a large customer. COMPANIES=n and INVOICES=n change that.
func TestSoakRemindersArriveOnce(t *testing.T) {
	if os.Getenv("SEEDS") == "" {
		t.Skip("SEEDS is not set: it says how many cases are tried")
	}
	remindersArriveOnce(t, remindersSeed(), sizeOf("COMPANIES", 50), sizeOf("INVOICES", 2000))
}

func remindersSeed() uint64 {
	if seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		return seed
	}
	return rand.Uint64N(1000)
}

func sizeOf(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}

func remindersArriveOnce(t *testing.T, seed uint64, companies, invoices int) {
	t.Helper()
	r := newReminders(t, seed, companies, invoices)
	r.ingest(r.dir)
	r.server.Stop()
	up := bringUp(t, r.dir)
	r.backfill(r.dir)
	r.settle(r.dir)
	r.startServer()
	for _, share := range []int{20, 60} {
		r.awaitMessages(share)
		up.stop(syscall.SIGKILL, -1)
		up = bringUp(t, r.dir)
	}
	r.awaitMessages(80)
	r.server.Stop()
	r.awaitRefused(r.dir)
	r.startServer()
	r.awaitSlots(r.dir)
	r.check(r.dir)
	up.stop(syscall.SIGTERM, 0)
}

// ingest ingests the events, and makes the records of them.
func (r *reminders) ingest(dir string) {
	r.t.Helper()
	for _, stream := range []string{"companies", "customers", "rules", "invoices"} {
		path := file(r.t, r.t.TempDir(), stream+".jsonl", strings.Join(r.events[stream], "\n")+"\n")
		must(r.t, 0, "ingest", stream, path, "--project", dir)
	}
	must(r.t, 0, "run", "--project", dir)
}

// backfill has all slots of the case executed.
func (r *reminders) backfill(dir string) {
	r.t.Helper()
	got := value(r.t, must(r.t, 0, "job", "backfill", "reminders", "--from", r.from.Format(time.RFC3339), "--to", r.to.Format(time.RFC3339), "--json", "--project", dir))
	if slots := length(r.t, got, "slots"); slots != r.slots() {
		r.t.Fatalf("%d slots are filled in, want %d", slots, r.slots())
	}
}

// settle has invoices paid or disputed whose reminders are tasks already, and waits until these are excluded. The mail server is stopped meanwhile.
func (r *reminders) settle(dir string) {
	r.t.Helper()
	first := r.firstSlot()
	arguments := []string{"job", "tasks", "reminders", first.Format(time.RFC3339), "--json", "--limit", "1000000", "--project", dir}
	states := func() map[string]int {
		got, count := bursar(r.t, arguments...), map[string]int{}
		if got.code != 0 { // it may not have begun
			return nil
		}
		for _, one := range listIn(r.t, value(r.t, got), "tasks") {
			count[words(object(r.t, one), "state")]++
		}
		return count
	}
	until(r.t, "the first slot has tasks", r.limit, func() bool { return len(states()) > 0 })
	path := file(r.t, r.t.TempDir(), "settled.jsonl", strings.Join(r.settleSome(first), "\n")+"\n")
	must(r.t, 0, "ingest", "invoices", path, "--project", dir)
	must(r.t, 0, "run", "--project", dir)
	until(r.t, "tasks are excluded", r.limit, func() bool { return states()["excluded"] == r.settled })
}

func (r *reminders) startServer() {
	r.t.Helper()
	if err := r.server.Start(); err != nil {
		r.t.Fatal(err)
	}
}

// awaitMessages waits until a share of the messages has arrived, in percent.
func (r *reminders) awaitMessages(share int) {
	r.t.Helper()
	until(r.t, "messages arrive", r.limit, func() bool { return r.server.Len() >= len(r.due)*share/100 })
}

// awaitRefused waits until a task has failed, which is tried again, because the mail server is away.
func (r *reminders) awaitRefused(dir string) {
	r.t.Helper()
	until(r.t, "a message is refused", r.limit, func() bool {
		got := bursar(r.t, "job", "tasks", "reminders", "latest", "--state", "waiting,begun", "--project", dir)
		return got.code == 0 && (strings.Contains(got.out, "connection refused") || strings.Contains(got.out, "No such tasks."))
	})
}

// awaitSlots waits until all slots have ended, and checks that they are done.
func (r *reminders) awaitSlots(dir string) {
	r.t.Helper()
	var slots []any
	until(r.t, "all slots end", r.limit, func() bool {
		got := bursar(r.t, "job", "slots", "reminders", "--from", r.from.Format(time.RFC3339), "--to", r.to.Format(time.RFC3339), "--json", "--project", dir)
		if got.code != 0 {
			return false
		}
		slots = listIn(r.t, value(r.t, got), "slots")
		for _, one := range slots {
			if state := words(object(r.t, one), "state"); state == "waiting" || state == "running" {
				return false
			}
		}
		return true
	})
	sent := 0.0
	for _, one := range slots {
		s := object(r.t, one)
		tasks := object(r.t, s["tasks"])
		done, _ := tasks["done"].(float64)
		sent += done
		if s["state"] != "done" || tasks["failed"] != 0.0 {
			r.t.Errorf("slot %v", s)
		}
	}
	if len(slots) != r.slots() || int(sent) != len(r.due) {
		r.t.Errorf("%d slots with %v messages, want %d with %d", len(slots), sent, r.slots(), len(r.due))
	}
}

// check counts in the mailbox, and has the program do so.
func (r *reminders) check(dir string) {
	r.t.Helper()
	found := map[reminder]int{}
	for _, m := range r.server.Messages() {
		found[r.read(m)]++
	}
	for one, count := range found {
		if _, isDue := r.due[one]; !isDue {
			r.t.Errorf("%v is not due, and has arrived", one)
		} else if count != 1 {
			r.t.Errorf("%v has arrived %d times", one, count)
		}
	}
	for one, at := range r.due {
		if found[one] == 0 {
			r.t.Errorf("%v is due at %s, and has not arrived", one, at)
		}
	}
	got := value(r.t, must(r.t, 0, "job", "verify", "reminders", "--json", "--project", dir))
	if got["ok"] != true || got["sent"] != float64(len(r.due)) {
		r.t.Errorf("verify: %v", got)
	}
	r.t.Logf("%d reminders have arrived once, over %d connections", len(found), r.server.Connections())
}
