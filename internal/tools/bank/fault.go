// Injected faults, which follow from the seed and the number of the request.

package bank

import (
	"math"
	"math/rand/v2"
	"time"
)

// Faults are the faults of an institution. Shares are from 0 to 1. The zero value injects none.
type Faults struct {
	// Of every request.
	Latency, LatencyP99 time.Duration // mean and 99th percentile; without the latter the latency is always the mean
	Throttle            float64       // 429 although no limit is exceeded
	ThrottleFor         time.Duration // its Retry-After; 0 is a second
	Unavailable         float64       // 503
	Reset               float64       // the connection is reset
	Hang                float64       // no answer for HangFor, then the connection is reset
	HangFor             time.Duration // 0 is 30 s
	Truncate            float64       // the answer is shorter than announced
	Cut                 float64       // an OFX answer ends in the middle, and nothing but its content shows that
	Expire              float64       // the session is expired: OFX status 2000 of the sign-on; an error of the connection elsewhere
	General             float64       // OFX status 2000 of a statement; INTERNAL_SERVER_ERROR; a SimpleFIN answer without the account's data
	PagesChange         float64       // the data changes while the pages of the cursor API are read
	Reissue             float64       // every transaction of the account gets a new id before the answer

	// From time to time everything is down, in one way after another (see Outage).
	OutageEvery, OutageFor time.Duration

	// Of every user.
	PasswordExpires float64       // the password is changed without anybody's doing
	ExpiresAfter    int           // after so many logins; 0 is 10
	OneTimePassword float64       // OFX asks for a one-time password
	TrustFor        time.Duration // how long none is needed after the right one, in the time of the books; 0 is 15 minutes
	LockAfter       int           // wrong passwords in succession after which OFX locks the user out; 0: never

	// Of every account.
	TemporaryIDs float64 // every OFX answer has other FITIDs

	// Of every account, at most one of them, see Damaged.
	Shortened, Doubled, Altered, WrongBalance float64
}

func (f Faults) withDefaults() Faults {
	if f.ThrottleFor == 0 {
		f.ThrottleFor = time.Second
	}
	if f.HangFor == 0 {
		f.HangFor = 30 * time.Second
	}
	if f.ExpiresAfter == 0 {
		f.ExpiresAfter = 10
	}
	if f.TrustFor == 0 {
		f.TrustFor = 15 * time.Minute
	}
	return f
}

// Worst returns an institution on its worst day: every fault that there is, within a limit of ten requests a second.
func Worst(seed uint64) Options {
	return Options{
		Seed: seed, Accounts: 2000, Statements: 2, Activity: Activity{Correct: 0.01},
		Limit: Limit{Requests: 600, Per: time.Minute, Concurrent: 8},
		Faults: Faults{
			Latency: 150 * time.Millisecond, LatencyP99: 1500 * time.Millisecond, Throttle: 0.01, ThrottleFor: 2 * time.Second,
			Unavailable: 0.02, Reset: 0.01, Hang: 0.002, HangFor: 20 * time.Second, Truncate: 0.01, Cut: 0.01, Expire: 0.01, General: 0.01,
			PagesChange: 0.05, Reissue: 0.0005, OutageEvery: 15 * time.Minute, OutageFor: 40 * time.Second,
			PasswordExpires: 0.01, ExpiresAfter: 10, OneTimePassword: 0.01, LockAfter: 5,
			Shortened: 0.003, Doubled: 0.003, Altered: 0.003, WrongBalance: 0.003,
		},
	}
}

// plan is what happens to one request: at most one of the faults that replace its answer, and any of the others.
type plan struct {
	latency                            time.Duration
	throttle, unavailable, reset, hang bool
	truncate, cut, expire, general     bool
	pagesChange, reissue               bool
	cutAt                              float64 // share of the answer that is sent
}

func (f Faults) plan(seed, request uint64) plan {
	random := rand.New(rand.NewPCG(mix(seed, label("request")), request))
	p := plan{latency: f.latency(random), cutAt: random.Float64()}
	drawn := random.Float64()
	for _, fault := range []struct {
		share  float64
		chosen *bool
	}{
		{f.Throttle, &p.throttle},
		{f.Unavailable, &p.unavailable},
		{f.Reset, &p.reset},
		{f.Hang, &p.hang},
		{f.Truncate, &p.truncate},
		{f.Cut, &p.cut},
		{f.Expire, &p.expire},
		{f.General, &p.general},
	} {
		if drawn < fault.share {
			*fault.chosen = true
			break
		}
		drawn -= fault.share
	}
	p.pagesChange, p.reissue = random.Float64() < f.PagesChange, random.Float64() < f.Reissue
	return p
}

// latency draws from the log-normal distribution with the mean and the 99th percentile.
func (f Faults) latency(random *rand.Rand) time.Duration {
	const z = 2.326 // of the 99th percentile of the normal distribution
	n := random.NormFloat64()
	if f.Latency <= 0 || f.LatencyP99 <= f.Latency {
		return f.Latency
	}
	// p99 / mean = exp(z·σ − σ²/2), which is at most exp(z²/2).
	spread := z - math.Sqrt(max(0, z*z-2*math.Log(float64(f.LatencyP99)/float64(f.Latency))))
	return time.Duration(float64(f.Latency) * math.Exp(spread*n-spread*spread/2))
}
