// When accounts are refreshed: the interval that an institution's quotas allow, and the time of the next refresh of an account.

package account

import (
	"hash/fnv"
	"io"
	"time"

	"bursar/internal/failure"
)

// Rules are what an institution allows, and how often its accounts are to be read.
type Rules struct {
	Every      time.Duration // the shortest interval between two refreshes; 0: only when a person asks
	AccountDay int           // refreshes of an account a day
	Day        int           // refreshes of all accounts a day; 0: any number
	Reserve    int           // percentage of both that is kept for refreshes that people ask for
}

const day = 24 * time.Hour

// scheduled returns the part of a quota that is not kept for people; at least one of those that exist.
func (r Rules) scheduled(quota int) int {
	if quota == 0 {
		return 0
	}
	return max(quota*(100-r.Reserve)/100, 1)
}

// allowScheduled reports whether another refresh may be begun without being asked for, after some of the day. What people have asked for counts
// against the whole quota, because that is what the institution allows.
func (r Rules) allowScheduled(quota, scheduled, byPerson int) bool {
	return scheduled < r.scheduled(quota) && scheduled+byPerson < quota
}

// Interval returns the time between two refreshes of an account, so that each account is read equally often and the quotas of a day suffice: the
// oldest data is then as new as it can be. It is 0 if accounts are read only when a person asks.
func (r Rules) Interval(accounts int) time.Duration {
	if r.Every == 0 {
		return 0
	}
	interval := max(r.Every, day/time.Duration(r.scheduled(r.AccountDay)))
	if quota := r.scheduled(r.Day); quota > 0 {
		interval = max(interval, day/time.Duration(quota)*time.Duration(max(accounts, 1))) // divided first: the product may be too large
	}
	return interval
}

// jitter is the largest part of an interval by which a refresh is moved, so that accounts that were added together do not stay together.
const jitter = 10 // percent

// Next returns when an account is due after a refresh, about an interval after a time. It moves each refresh by up to 10 % of the interval, both ways, in a
// way that only depends on the account and the number of the refresh. The zero time is never.
func (r Rules) Next(ref Ref, refresh, accounts int, after time.Time) time.Time {
	interval := r.Interval(accounts)
	if interval == 0 {
		return time.Time{}
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, ref.String())
	_, _ = h.Write([]byte{byte(refresh), byte(refresh >> 8), byte(refresh >> 16)})
	const steps = 1 << 16
	share := time.Duration(mix(h.Sum64()) % steps) // 0 … steps-1
	width := interval / 100 * jitter
	return after.Add(interval - width + 2*width/steps*share)
}

// mix spreads the bits of a hash: FNV changes few of them for neighbouring inputs.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// retryBackoff is the wait after refreshes of an account that have failed for a reason that may pass.
var retryBackoff = failure.Backoff{Least: 5 * time.Minute, Most: 24 * time.Hour}

// AfterFailure returns when an account is due whose refresh has failed so many times in a row: at the latest after its interval, but never earlier than
// the institution has asked for. What does not pass by itself is tried again after the interval: an institution that has delivered something unreadable may
// deliver something else by then.
func (r Rules) AfterFailure(ref Ref, refresh, accounts, failures int, cause error, now time.Time) time.Time {
	if r.Every == 0 {
		return time.Time{}
	}
	next := r.Next(ref, refresh, accounts, now)
	if soon := now.Add(retryBackoff.After(failures)); failure.Of(cause).Retryable() && soon.Before(next) {
		next = soon
	}
	if earliest := now.Add(failure.RetryAfter(cause)); next.Before(earliest) {
		return earliest
	}
	return next
}
