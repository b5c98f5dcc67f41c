// Tests that one process at a time has a catalog.

package pgcatalog

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bursar/internal/catalog"
	"bursar/internal/failure"
	"bursar/internal/postgres"
	"bursar/internal/postgres/postgrestest"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	config := postgres.Config{URL: postgrestest.URL(t)}
	first, second, ctx := mustOpen(t, config), mustOpen(t, config), context.Background()
	put := func(c *Catalog) error {
		return c.Update(ctx, func(tx catalog.Tx) error { return tx.Put("a", 1) })
	}
	release, err := first.Claim(ctx, "up", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = second.Claim(ctx, "run", 0)
	if failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "bursar up, process ") {
		t.Fatalf("a second claim: %v [%v]", err, failure.Of(err))
	}
	if err := errors.Join(put(first), first.Confirm(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = second.Claim(ctx, "run", time.Minute); err != nil {
		t.Fatal(err)
	}
	// The first process writes although its session has ended, as after a break of the network.
	if err := put(first); !errors.Is(err, ErrClaimLost) || failure.Of(err) != failure.Transient {
		t.Errorf("an update of the process before: %v", err)
	}
	if err := first.Confirm(ctx); !errors.Is(err, ErrClaimLost) {
		t.Errorf("the process before confirms its claim: %v", err)
	}
	if err := errors.Join(put(second), second.Confirm(ctx)); err != nil {
		t.Error(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// TestJoin has two processes share a catalog, and a third wait for both to claim it.
func TestJoin(t *testing.T) {
	t.Parallel()
	config := postgres.Config{URL: postgrestest.URL(t)}
	first, second, third, ctx := mustOpen(t, config), mustOpen(t, config), mustOpen(t, config), context.Background()
	put := func(c *Catalog) error {
		return c.Update(ctx, func(tx catalog.Tx) error { return tx.Put("a", 1) })
	}
	one, err := first.Join(ctx, "one", 0)
	if err != nil {
		t.Fatal(err)
	}
	two, err := second.Join(ctx, "two", 0)
	if err != nil {
		t.Fatal(err)
	}
	list, err := third.Members(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "one" || list[1].Name != "two" {
		t.Errorf("members: %v, %v", list, err)
	}
	if _, err := third.Claim(ctx, "repair", 0); failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "one (from ") || !strings.Contains(err.Error(), ", two (from ") {
		t.Errorf("a claim beside two members: %v", err)
	}
	for _, c := range []*Catalog{first, second} {
		if err := put(c); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(one.Leave(), two.Leave()); err != nil {
		t.Fatal(err)
	}
	release, err := third.Claim(ctx, "repair", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := put(first); !errors.Is(err, ErrClaimLost) { // as after a break of the network
		t.Errorf("an update of a former member: %v", err)
	}
	if _, err := first.Join(ctx, "one", 0); failure.Of(err) != failure.Transient || !strings.Contains(err.Error(), "bursar repair, process ") {
		t.Errorf("joining a claimed catalog: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if one, err = first.Join(ctx, "one", time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(first), one.Leave()); err != nil {
		t.Error(err)
	}
}

// TestSilentMember has a process that does not test its session any more.
func TestSilentMember(t *testing.T) {
	t.Parallel()
	config := postgres.Config{URL: postgrestest.URL(t)}
	first, second, ctx := mustOpen(t, config), mustOpen(t, config), context.Background()
	m, err := first.Join(ctx, "alive", 0)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := second.lockSession(ctx, joinLock, "suspended", 0) // which nobody tests
	if err != nil {
		t.Fatal(err)
	}
	defer closeSession(conn)
	began := time.Now()
	for deadline := began.Add(time.Minute); ; <-time.After(100 * time.Millisecond) {
		list, err := second.Members(ctx)
		if err != nil || len(list) != 2 || time.Now().After(deadline) {
			t.Fatalf("members: %v, %v", list, err)
		}
		if list[0].Silent != nil {
			t.Fatalf("%s is silent since %s", list[0].Name, list[0].Silent)
		}
		if list[1].Silent != nil {
			break
		}
	}
	if took := time.Since(began); took < silentAfter-time.Second {
		t.Errorf("the process is silent after %s", took)
	}
	if err := m.Leave(); err != nil {
		t.Error(err)
	}
}

// TestJoinAgain ends the sessions of members: they join again, unless the catalog was claimed meanwhile.
func TestJoinAgain(t *testing.T) {
	t.Parallel()
	config := postgres.Config{URL: postgrestest.URL(t)}
	first, second, ctx := mustOpen(t, config), mustOpen(t, config), context.Background()
	m, err := first.Join(ctx, "one", 0)
	if err != nil {
		t.Fatal(err)
	}
	joined := func() []Member {
		t.Helper()
		list, err := second.Members(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	disconnect := func() {
		t.Helper()
		err := second.writer.InTransaction(ctx, pgx.TxOptions{}, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'one' AND datname = current_database()")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	before := joined()
	disconnect()
	for deadline := time.Now().Add(time.Minute); ; {
		if now := joined(); len(now) == 1 && now[0].Since != before[0].Since {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the member has not joined again: %v", joined())
		}
	}
	if err := m.Leave(); err != nil {
		t.Fatal(err)
	}
	if m, err = first.Join(ctx, "one", 0); err != nil {
		t.Fatal(err)
	}
	if err := second.storeClaim(ctx); err != nil { // as a process that claims it while the session is lost
		t.Fatal(err)
	}
	disconnect()
	select {
	case <-m.Lost():
	case <-time.After(time.Minute):
		t.Error("the member does not notice that the catalog was claimed")
	}
	if err := m.Leave(); err != nil {
		t.Error(err)
	}
}

// TestJoinOtherDatabase has processes of another project, whose catalog is in another database of the server: they are not members.
func TestJoinOtherDatabase(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	ours, theirs := mustOpen(t, postgres.Config{URL: postgrestest.URL(t)}), mustOpen(t, postgres.Config{URL: postgrestest.URL(t)})
	m, err := theirs.Join(ctx, "theirs", 0)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := ours.Members(ctx); err != nil || len(list) != 0 {
		t.Errorf("members of a database that nobody has joined: %v, %v", list, err)
	}
	release, err := ours.Claim(ctx, "repair", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(release(), m.Leave()); err != nil {
		t.Error(err)
	}
}
