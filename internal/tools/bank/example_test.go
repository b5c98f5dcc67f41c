// An example of a test with an institution.

package bank_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"bursar/internal/tools/bank"
)

func Example() {
	start := time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)
	b, err := bank.Start(bank.Options{Seed: 1, Activity: bank.Activity{PerMonth: -1}, Now: func() time.Time { return start }})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	account := b.Accounts()[0] // with credentials for each protocol, to be used at b.URL(bank.OFX) with b.RootCA()
	fmt.Println(account.ID, account.Type, strings.HasPrefix(b.URL(bank.OFX), "https://"))

	var lunch int64
	b.Act(account.ID, func(l *bank.Ledger) { lunch = l.Pend(-20_00) })
	b.Advance(24 * time.Hour)
	b.Act(account.ID, func(l *bank.Ledger) { l.Post(lunch, -23_00) }) // with a tip, under a new id

	truth := b.Truth(account.ID)
	fmt.Println(truth.Posted[0].Day, truth.Posted[0].Cents, truth.Booked-truth.Opening, len(truth.Pending))
	fmt.Println(b.Report().Requests, "requests")
	// Output:
	// 4000000006 CHECKING true
	// 2026-03-16 -2300 -2300 0
	// 0 requests
}
