// Tests through a proxy that fails a share of the requests.

package s3

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"bursar/internal/object/s3/s3test"
)

// TestFaultyServer writes and reads while a tenth of the requests fail: retries hide it.
func TestFaultyServer(t *testing.T) {
	t.Parallel()
	server, config := backend(t, s3test.Versitygw)
	proxy := server.NewProxy(t, 7)
	config.Endpoint = proxy.Endpoint
	s := &script{Store: mustOpen(t, config, fast)}
	proxy.Set(s3test.Faults{Share: 0.1, Delay: time.Millisecond})
	for i := range 40 {
		name, size := fmt.Sprint("faulty/", i), 1000*i
		if err := errors.Join(s.write(s.CreateNew, name, size), s.readWhole(name, size)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if passed, failed := proxy.Counts(); failed == 0 || passed < 80 {
		t.Errorf("%d requests passed, %d failed", passed, failed)
	}
}
