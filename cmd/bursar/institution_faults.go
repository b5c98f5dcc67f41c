// The faults of a simulated institution, as --faults names them.

package main

import (
	"strconv"
	"strings"
	"time"

	"bursar/internal/tools/bank"
)

// worstFaults is the value of --faults that is every fault, within a limit of requests.
const worstFaults = "worst"

// fault is one of --faults: a share, a time or a number.
type fault struct {
	name   string
	share  *float64
	time   *time.Duration
	number *int
}

// faultsIn lists the faults of an institution in the order in which help names them.
func faultsIn(f *bank.Faults) []fault {
	return []fault{
		{name: "latency", time: &f.Latency},
		{name: "latency_p99", time: &f.LatencyP99},
		{name: "throttle", share: &f.Throttle},
		{name: "throttle_for", time: &f.ThrottleFor},
		{name: "unavailable", share: &f.Unavailable},
		{name: "reset", share: &f.Reset},
		{name: "hang", share: &f.Hang},
		{name: "hang_for", time: &f.HangFor},
		{name: "truncate", share: &f.Truncate},
		{name: "cut", share: &f.Cut},
		{name: "expire", share: &f.Expire},
		{name: "general", share: &f.General},
		{name: "pages_change", share: &f.PagesChange},
		{name: "reissue", share: &f.Reissue},
		{name: "outage_every", time: &f.OutageEvery},
		{name: "outage_for", time: &f.OutageFor},
		{name: "password_expires", share: &f.PasswordExpires},
		{name: "expires_after", number: &f.ExpiresAfter},
		{name: "one_time_password", share: &f.OneTimePassword},
		{name: "trust_for", time: &f.TrustFor},
		{name: "lock_after", number: &f.LockAfter},
		{name: "temporary_ids", share: &f.TemporaryIDs},
		{name: "shortened", share: &f.Shortened},
		{name: "doubled", share: &f.Doubled},
		{name: "altered", share: &f.Altered},
		{name: "wrong_balance", share: &f.WrongBalance},
	}
}

func faultNames() []string {
	return namesOf(faultsIn(&bank.Faults{}), func(f fault) string { return f.name })
}

// setFaults reads --faults.
func setFaults(o *bank.Options, list []string) error {
	for _, text := range list {
		if text == worstFaults {
			worst := bank.Worst(o.Seed)
			o.Faults, o.Limit, o.Activity = worst.Faults, worst.Limit, worst.Activity
			continue
		}
		name, value, _ := strings.Cut(text, "=")
		known := false
		for _, f := range faultsIn(&o.Faults) {
			if f.name != name {
				continue
			}
			known = true
			if !f.set(value) {
				return usagef("--faults %s: %s", text, f.expects())
			}
		}
		if !known {
			return usagef("--faults %s: there is no such fault; use %s or %s", text, strings.Join(faultNames(), ", "), worstFaults)
		}
	}
	if (o.Faults.OutageEvery > 0) != (o.Faults.OutageFor > 0) {
		return usagef("--faults: outage_every and outage_for need each other")
	}
	return nil
}

// set reads the value, and reports whether it is valid.
func (f *fault) set(text string) bool {
	switch {
	case f.share != nil:
		value, err := strconv.ParseFloat(text, 64)
		*f.share = value
		return err == nil && value >= 0 && value <= 1
	case f.time != nil:
		value, err := time.ParseDuration(text)
		*f.time = value
		return err == nil && value >= 0
	}
	value, err := strconv.Atoi(text)
	*f.number = value
	return err == nil && value >= 0
}

func (f *fault) expects() string {
	switch {
	case f.share != nil:
		return "write a share from 0 to 1, such as " + f.name + "=0.01"
	case f.time != nil:
		return "write a time, such as " + f.name + "=2s"
	}
	return "write a whole number, such as " + f.name + "=5"
}
