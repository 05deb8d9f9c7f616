package sealsock

import (
	"container/list"
	"sync"

	"github.com/sealsock/sealsock/engine"
)

// A SessionCache keeps a client's sessions. Take must give each one out once:
// an observer could link connections that use the same one. RFC 9846, Appendix C.4.
//
// A server takes a client that resumes for the one that the session began with. So Configs with
// different Identities or PSKs may share a cache, and those with a SelectIdentity, Source or
// SelectPSK that select differently must not.
type SessionCache interface {
	// Take removes and returns a session for a server, or nil. The text names the server and,
	// by a hash, the Identities and PSKs of the Config.
	Take(server string) *engine.Session
	// Put keeps a session for a server.
	Put(server string, s *engine.Session)
}

// CacheStats holds the figures of a MemoryCache.
type CacheStats struct {
	Servers, Sessions int // now
	Hits, Misses      uint64
	Evicted           uint64
}

// perServer bounds the sessions that are kept for one server.
const perServer = 4

// MemoryCache is a SessionCache in memory that evicts the least recently used
// server. Make it with NewMemoryCache; the zero value keeps one server, and a
// nil *MemoryCache keeps nothing.
type MemoryCache struct {
	max   int
	mu    sync.Mutex
	order list.List // of *cached, the latest first
	by    map[string]*list.Element
	stats CacheStats
}

type cached struct {
	server   string
	sessions []*engine.Session
}

// NewMemoryCache returns a cache for max servers.
func NewMemoryCache(max int) *MemoryCache {
	return &MemoryCache{max: max, by: map[string]*list.Element{}}
}

// Take implements SessionCache: the latest session comes first.
func (m *MemoryCache) Take(server string) *engine.Session {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.by[server]
	if e == nil {
		m.stats.Misses++
		return nil
	}
	m.stats.Hits++
	c := e.Value.(*cached)
	s := c.sessions[len(c.sessions)-1]
	if c.sessions = c.sessions[:len(c.sessions)-1]; len(c.sessions) == 0 {
		m.order.Remove(e)
		delete(m.by, server)
	}
	return s
}

// Put implements SessionCache.
func (m *MemoryCache) Put(server string, s *engine.Session) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by = map[string]*list.Element{}
	}
	e := m.by[server]
	if e == nil {
		if m.order.Len() >= max(m.max, 1) {
			oldest := m.order.Back()
			m.order.Remove(oldest)
			delete(m.by, oldest.Value.(*cached).server)
			m.stats.Evicted++
		}
		e = m.order.PushFront(&cached{server: server})
		m.by[server] = e
	}
	m.order.MoveToFront(e)
	c := e.Value.(*cached)
	if len(c.sessions) >= perServer {
		c.sessions = c.sessions[1:]
	}
	c.sessions = append(c.sessions, s)
}

// Stats returns the figures of the cache.
func (m *MemoryCache) Stats() CacheStats {
	if m == nil {
		return CacheStats{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stats := m.stats
	stats.Servers = m.order.Len()
	for e := m.order.Front(); e != nil; e = e.Next() {
		stats.Sessions += len(e.Value.(*cached).sessions)
	}
	return stats
}
