// Where an account is, why, and what a person can do about it.

package main

import (
	"cmp"
	"fmt"
	"strings"

	"bursar/internal/aggregate/account"
)

// place is where an account is, for people. Those that need a person come first.
type place string

// The places, in the order of the list.
const (
	asksPlace        place = "asks"        // for an answer
	credentialsPlace place = "credentials" // waits for new ones
	failedPlace      place = "failed"
	fetchingPlace    place = "fetching"
	processingPlace  place = "processing"
	waitingPlace     place = "waiting" // its refresh was begun, and waits
	newPlace         place = "new"     // it was never read
	donePlace        place = "done"
)

var places = []place{asksPlace, credentialsPlace, failedPlace, fetchingPlace, processingPlace, waitingPlace, newPlace, donePlace}

func placeOf(one *account.Account) place {
	switch {
	case one.State == account.Asking:
		return asksPlace
	case one.State == account.Rejected:
		return credentialsPlace
	case one.State == account.Fetching:
		return fetchingPlace
	case one.State == account.Processing:
		return processingPlace
	case one.Running:
		return waitingPlace
	case one.Outcome == account.Failed:
		return failedPlace
	case one.Outcome == account.Complete:
		return donePlace
	}
	return newPlace
}

// describeWhere says where an account is: "processing 3 of 12".
func describeWhere(one *account.Account) string {
	done, total := one.Progress()
	switch p := placeOf(one); {
	case p == processingPlace && total > 0:
		return fmt.Sprintf("processing %s of %s", formatCount(done), formatCount(total))
	case p == credentialsPlace:
		return "waits for new credentials"
	case p == asksPlace && one.Answer != "":
		return "answered"
	case p == asksPlace:
		return "asks: " + one.Question
	case p == waitingPlace && one.Begun.IsZero():
		if one.Reason == "" || strings.HasPrefix(one.Reason, "for ") {
			return "waiting " + cmp.Or(one.Reason, "for its turn")
		}
		return "waiting: " + one.Reason
	case p == newPlace:
		return "never read"
	default:
		return string(p)
	}
}

// describeWhy says why an account is where it is, where that is not said already.
func describeWhy(one *account.Account) string {
	p := placeOf(one)
	if p == asksPlace || p == waitingPlace && one.Begun.IsZero() || one.Reason == "" && one.Standing == nil {
		return ""
	}
	if s := standingOf(one); one.Reason == "" && s.Verdict != "PROVEN" {
		return s.Reason
	}
	return one.Reason
}

// nextStep is what a person can do about an account; empty if it needs nobody.
func nextStep(one *account.Account) string {
	name := shellWord(one.String())
	switch placeOf(one) {
	case asksPlace:
		if one.Answer != "" {
			return ""
		}
		return "bursar account answer " + name
	case credentialsPlace:
		return "bursar account relink " + name + " --credential NAME=vault:SECRET"
	case failedPlace:
		return "bursar account refresh " + name
	case fetchingPlace, processingPlace, waitingPlace, newPlace, donePlace:
	}
	return ""
}
