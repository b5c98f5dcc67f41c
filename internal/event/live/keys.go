// Requests with idempotency keys that are in progress.

package live

import "sync"

// pendingKeys holds the requests with keys that are in progress or whose batch is not sealed yet.
type pendingKeys struct {
	mu    sync.Mutex
	byKey map[string]*pendingRequest
}

// claim registers a request. It returns the request that already has the key, or nil.
func (k *pendingKeys) claim(p *pendingRequest) *pendingRequest {
	k.mu.Lock()
	defer k.mu.Unlock()
	if first := k.byKey[p.key]; first != nil {
		return first
	}
	if k.byKey == nil {
		k.byKey = map[string]*pendingRequest{}
	}
	k.byKey[p.key] = p
	return nil
}

// drop removes requests that failed or whose answers are in the catalog.
func (k *pendingKeys) drop(requests ...*pendingRequest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range requests {
		if k.byKey[p.key] == p {
			delete(k.byKey, p.key)
		}
	}
}

// dropDone removes answered requests: after a recovery their answers are in the catalog.
func (k *pendingKeys) dropDone() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, p := range k.byKey {
		if p.isDone() {
			delete(k.byKey, key)
		}
	}
}
