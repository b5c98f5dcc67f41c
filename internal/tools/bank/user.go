// The users of an institution: passwords, one-time passwords and how they are checked.

package bank

import (
	"crypto/subtle"
	"fmt"
	"sync"
	"time"
)

// user is somebody who logs in. Its accounts do not change.
type user struct {
	seed     uint64 // of this user
	name     string
	token    string // of the cursor API
	accounts []*account
	asked    bool // a one-time password is needed
	expires  int  // logins after which the password is changed without anybody's doing; 0: never
	locked   int  // wrong passwords in succession that lock the user out; 0: never

	mu         sync.Mutex
	generation uint64 // of the password
	logins     int    // with this password
	wrong      int    // wrong passwords in succession
	question   uint64 // number of the one-time password
	answered   string // the last right one-time password
	trusted    time.Time
}

func newUser(seed uint64, i int, f Faults) *user {
	own := mix(seed, label("user"), uint64(i))
	u := &user{
		seed: own, name: fmt.Sprintf("user%06d", i), token: fmt.Sprintf("access-sandbox-%016x", mix(own, label("token"))),
		asked: share(own, label("one-time password")) < f.OneTimePassword, locked: f.LockAfter,
	}
	if share(own, label("password expires")) < f.PasswordExpires {
		u.expires = f.ExpiresAfter
	}
	return u
}

func (u *user) password(generation uint64) string {
	return fmt.Sprintf("pw-%012x", mix(u.seed, label("password"), generation)>>16)
}

// accessPassword is that of the SimpleFIN access URL, which lasts.
func (u *user) accessPassword() string { return fmt.Sprintf("%016x", mix(u.seed, label("access"))) }

func (u *user) currentPassword() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.expired() {
		return u.password(u.generation - 1) // nobody knows the new one
	}
	return u.password(u.generation)
}

// expired reports whether the institution has changed the password. Generations that are odd are those of such changes.
func (u *user) expired() bool { return u.generation%2 == 1 }

func (u *user) renew() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.generation += 2 - u.generation%2
	u.logins, u.wrong, u.expires = 0, 0, 0
}

// verdict is what checking credentials comes to.
type verdict uint8

const (
	accepted verdict = iota
	rejected
	lockedOut
)

// logIn checks a password and counts.
func (u *user) logIn(password string) verdict {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.locked > 0 && u.wrong >= u.locked {
		return lockedOut
	}
	if subtle.ConstantTimeCompare([]byte(password), []byte(u.password(u.generation))) != 1 {
		u.wrong++
		return rejected
	}
	u.wrong = 0
	u.count()
	return accepted
}

// logInByToken counts a request with the token, which lasts, but needs a new login after the password was changed.
func (u *user) logInByToken() verdict {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.expired() {
		return rejected
	}
	u.count()
	return accepted
}

func (u *user) count() {
	u.logins++
	if u.expires > 0 && u.logins >= u.expires {
		u.generation++
	}
}

func (u *user) oneTimePassword() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.expected()
}

func (u *user) expected() string {
	return fmt.Sprintf("%06d", mix(u.seed, label("answer"), u.question)%1_000_000)
}

// answer is what a one-time password comes to.
type answer uint8

const (
	unneeded answer = iota
	missing
	wrong
	right
)

// check decides about a one-time password. After the right one none is needed for some time.
func (u *user) check(password string, now time.Time, trust time.Duration) answer {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case !u.asked || now.Before(u.trusted) && (password == "" || password == u.answered):
		return unneeded
	case password == "":
		return missing
	case password != u.expected():
		return wrong
	}
	u.question++
	u.answered, u.trusted = password, now.Add(trust)
	return right
}
