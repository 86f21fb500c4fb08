package quota

import (
	"sync"
	"sync/atomic"
)

// Part is one half of a quota entity: a user or a client id. The zero value
// means that the entity does not have this half.
type Part struct {
	// Default stands for all names without a quota of their own.
	Default bool
	Name    string
}

// Entity is whom a quota is for, as KafkaQuotaEntity: a user, a client id, or
// both. Users are in their sanitized form, as in ZooKeeper.
type Entity struct{ User, Client Part }

func (p Part) absent() bool { return p == Part{} }

// Bucket is the share of a quota that a request is counted in: that of a user,
// of a client id, or of one client id of one user; a part not in it is empty.
type Bucket struct{ User, Client string }

// kinds of entities; each has its bit in limits.kinds.
const (
	clientKind int32 = 1 << iota
	userKind
	userClientKind
)

func (e Entity) kind() int32 {
	switch {
	case e.User.absent():
		return clientKind
	case e.Client.absent():
		return userKind
	}
	return userClientKind
}

// limits are the quotas of one type and their precedence, as
// DefaultQuotaCallback.
type limits struct {
	// kinds has the bits of the kinds of entities that ever had a quota.
	kinds atomic.Int32

	mu       sync.RWMutex
	byEntity map[Entity]float64
}

func (l *limits) update(entity Entity, bound *float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bound == nil {
		delete(l.byEntity, entity)
		return
	}
	if l.byEntity == nil {
		l.byEntity = map[Entity]float64{}
	}
	l.byEntity[entity] = *bound
	l.kinds.Or(entity.kind())
}

// enabled tells whether there ever was a quota; before, nothing is recorded.
func (l *limits) enabled() bool { return l.kinds.Load() != 0 }

// find returns the bucket of a user's client and the bound of it, if any.
func (l *limits) find(user, client string) (Bucket, float64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch l.kinds.Load() {
	case clientKind:
		return l.boundLocked(Bucket{Client: client})
	case userKind:
		return l.boundLocked(Bucket{User: user})
	case userClientKind:
		return l.boundLocked(Bucket{User: user, Client: client})
	}
	byUser := Bucket{User: user}
	byBoth := Bucket{User: user, Client: client}
	named, all := Part{Name: user}, Part{Default: true}
	for _, level := range []struct {
		entity Entity
		bucket Bucket
	}{
		{Entity{named, Part{Name: client}}, byBoth},
		{Entity{named, all}, byBoth},
		{Entity{User: named}, byUser},
		{Entity{all, Part{Name: client}}, byBoth},
		{Entity{all, all}, byBoth},
		{Entity{User: all}, byUser},
	} {
		if bound, ok := l.byEntity[level.entity]; ok {
			return level.bucket, bound, true
		}
	}
	return l.boundLocked(Bucket{Client: client})
}

// boundLocked finds the bound of a bucket: of its own entity or of the
// defaults that stand for it.
func (l *limits) boundLocked(bucket Bucket) (Bucket, float64, bool) {
	for _, user := range candidates(bucket.User) {
		for _, client := range candidates(bucket.Client) {
			if bound, ok := l.byEntity[Entity{user, client}]; ok {
				return bucket, bound, true
			}
		}
	}
	return bucket, 0, false
}

func candidates(name string) []Part {
	if name == "" {
		return []Part{{}}
	}
	return []Part{{Name: name}, {Default: true}}
}
