//go:build unix

package sealredis_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sealsock/sealsock"
	sealredis "github.com/sealsock/sealsock/contrib/redis"
	"github.com/sealsock/sealsock/identity"
	"github.com/sealsock/sealsock/internal/freeport"
	"github.com/sealsock/sealsock/internal/servertest"
	"github.com/sealsock/sealsock/trust"
)

// TestRedis connects go-redis to a server that demands certificates, in both versions of
// its protocol, over several connections of which later ones resume, publishes and
// subscribes, and refuses a server of an unknown authority and one of another name.
func TestRedis(t *testing.T) {
	servertest.Need(t, "redis-server")
	p, port := servertest.New(t), freeport.Pick(t)
	servertest.Redis(t, p, port, true)
	var resumed atomic.Int32
	cfg := &sealsock.Config{
		Trust:      &trust.Policy{Roots: p.Roots},
		Identities: []*identity.Identity{p.ClientIdentity(t, "app")},
		VerifyConnection: func(c *sealsock.Conn) error {
			if c.State().Resumed {
				resumed.Add(1)
			}
			return nil
		},
	}
	await(t, open(t, fmt.Sprintf("rediss://localhost:%d", port), cfg))
	for _, protocol := range []int{2, 3} {
		url := fmt.Sprintf("rediss://localhost:%d?protocol=%d", port, protocol)
		client := open(t, url, cfg)
		large := bytes.Repeat([]byte("a large value "), 100_000)
		if err := client.Set(t.Context(), "key", large, 0).Err(); err != nil {
			t.Fatal(err)
		}
		got, err := client.Get(t.Context(), "key").Bytes()
		if err != nil || !bytes.Equal(got, large) {
			t.Errorf("protocol %d: %d bytes, %v", protocol, len(got), err)
		}
		published(t, client)
	}
	if resumed.Load() == 0 {
		t.Error("no connection has resumed a session")
	}

	url := fmt.Sprintf("redis://localhost:%d?max_retries=-1", port)
	var refused *trust.Error
	own := *cfg
	own.Trust = nil
	if err := open(t, url, &own).Ping(t.Context()).Err(); !errors.As(err, &refused) {
		t.Errorf("a server of an unknown authority: %v", err)
	}
	own = *cfg
	own.ServerName = "cache.example.com"
	if err := open(t, url, &own).Ping(t.Context()).Err(); !errors.As(err, &refused) {
		t.Errorf("a server of another name: %v", err)
	}
	own = *cfg
	own.Identities = nil
	if err := open(t, url, &own).Ping(t.Context()).Err(); err == nil {
		t.Error("a client without a certificate is accepted")
	}
}

func open(t *testing.T, url string, cfg *sealsock.Config) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	if err := sealredis.Use(options, cfg); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return client
}

// await waits until the server has started.
func await(t *testing.T, client *redis.Client) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := client.Ping(t.Context()).Err()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// published subscribes on one connection and publishes on another.
func published(t *testing.T, client *redis.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	news := client.Subscribe(ctx, "news")
	defer news.Close()
	if _, err := news.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.Publish(ctx, "news", "hello").Err(); err != nil {
		t.Fatal(err)
	}
	if m, err := news.ReceiveMessage(ctx); err != nil || m.Payload != "hello" {
		t.Errorf("received %v, %v", m, err)
	}
}

// TestEncrypts has a URL of plaintext: the client begins with a ClientHello all the same.
func TestEncrypts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := make(chan byte, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		b := make([]byte, 1)
		c.Read(b)
		first <- b[0]
		c.Close()
	}()
	client := open(t, "redis://"+l.Addr().String()+"?max_retries=-1", nil)
	go client.Ping(t.Context())
	if b := <-first; b != 0x16 { // a record of the handshake
		t.Errorf("the client began with byte %#x", b)
	}
}

func TestMisuse(t *testing.T) {
	if err := sealredis.Use(nil, nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("nil options: %v", err)
	}
	options := &redis.Options{TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	if err := sealredis.Use(options, nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("a TLSConfig: %v", err)
	}
	bad := &sealsock.Config{Identities: []*identity.Identity{nil}}
	if err := sealredis.Use(new(redis.Options), bad); err == nil {
		t.Error("a wrong Config is accepted")
	}
}
