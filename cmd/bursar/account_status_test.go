// Tests of where accounts are, and of the bounded list of many.

package main

import (
	"fmt"
	"testing"
	"time"

	"bursar/internal/aggregate/account"
)

func TestDescribeWhere(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	documents := []account.Document{{Done: true}, {Done: true}, {Done: true}, {}}
	for _, c := range []struct {
		one               account.Account
		where, why, stage string
	}{
		{account.Account{State: account.Waiting}, "never read", "", "new"},
		{account.Account{State: account.Waiting, Running: true, Reason: "for its turn"}, "waiting for its turn", "", "waiting"},
		{account.Account{State: account.Waiting, Running: true, Begun: began, Reason: "503"}, "waiting", "503", "waiting"},
		{account.Account{State: account.Fetching, Running: true}, "fetching", "", "fetching"},
		{account.Account{State: account.Processing, Running: true, Documents: documents}, "processing 3 of 4", "", "processing"},
		{account.Account{State: account.Processing, Running: true}, "processing", "", "processing"},
		{account.Account{State: account.Asking, Running: true, Question: "PIN?", Reason: "r"}, "asks: PIN?", "", "asks"},
		{account.Account{State: account.Asking, Running: true, Question: "PIN?", Answer: "x"}, "answered", "", "asks"},
		{account.Account{State: account.Rejected, Running: true, Reason: "r"}, "waits for new credentials", "r", "credentials"},
		{account.Account{State: account.Waiting, Outcome: account.Failed, Reason: "r"}, "failed", "r", "failed"},
		{account.Account{State: account.Waiting, Outcome: account.Complete}, "done", "", "done"},
		{account.Account{State: account.Waiting, Outcome: account.Complete, Standing: &account.Standing{Verdict: "BROKEN", Reason: "r"}}, "done", "r", "done"},
		{account.Account{State: account.Waiting, Outcome: account.Complete, Standing: &account.Standing{Verdict: "PROVEN", Reason: "r"}}, "done", "", "done"},
	} {
		if where, why, stage := describeWhere(&c.one), describeWhy(&c.one), string(placeOf(&c.one)); where != c.where || why != c.why || stage != c.stage {
			t.Errorf("%+v is %q, %q, %s; want %q, %q, %s", c.one, where, why, stage, c.where, c.why, c.stage)
		}
	}
}

// TestOverview: of many accounts some are listed, those that need a person first, and all are counted.
func TestOverview(t *testing.T) {
	t.Parallel()
	o := &overview{limit: 50, first: map[place][]placed{}}
	for i := range 100_000 {
		one := account.Account{Ref: account.Ref{Institution: fmt.Sprint("i", i/50_000), Account: fmt.Sprint(i)}, State: account.Waiting, Outcome: account.Complete}
		switch {
		case i%10_000 == 9_999:
			one.State, one.Running = account.Asking, true
		case i%1000 == 999:
			one.Outcome = account.Failed
		}
		o.add(&one)
	}
	list, left := o.list()
	if len(list) != 50 || left != 100_000-50 || list[0].Place != asksPlace || list[9].Place != asksPlace || list[10].Place != failedPlace || list[10].Account != "999" {
		t.Errorf("%d are listed, %d are left out: %+v", len(list), left, list[:11])
	}
	if len(o.summaries) != 2 || o.summaries[1].Accounts != 50_000 || o.summaries[1].Places[failedPlace] != 45 || o.summaries[1].Places[asksPlace] != 5 {
		t.Errorf("the summary is %+v", o.summaries)
	}
}
