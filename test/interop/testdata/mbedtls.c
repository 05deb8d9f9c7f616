/* One connection with mbedTLS 2.28, as a client (standard input goes to the server, its answers to standard output) or as an echo
   server, told what to do by environment variables, as the scripts beside it are. RESUME makes it two connections, DATAGRAM one of DTLS. */
#include <arpa/inet.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/timing.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static mbedtls_ssl_config conf;
static mbedtls_x509_crt ca, own;
static mbedtls_pk_context key;
static mbedtls_ssl_ticket_context tickets;
static mbedtls_ssl_cache_context cache;
static mbedtls_ssl_cookie_ctx cookies;
static mbedtls_timing_delay_context timer;
static unsigned char buffer[1 << 14];

/* check ends the program with the library's word for what went wrong. */
static int check(const char *what, int ret) {
  if (ret >= 0) return ret;
  char text[200];
  mbedtls_strerror(ret, text, sizeof text);
  fprintf(stderr, "%s: -0x%04x: %s\n", what, (unsigned)-ret, text);
  exit(1);
}

static int is(const char *name, const char *value) {
  const char *got = getenv(name);
  return got && strcmp(got, value) == 0;
}

static int number(const char *name) { return getenv(name) ? atoi(getenv(name)) : 0; }

/* set_group leaves one group, by OpenSSL's name for it. */
static void set_group(const char *name) {
  static mbedtls_ecp_group_id list[2];
  static const struct { const char *name; mbedtls_ecp_group_id id; } known[] = {
    {"X25519", MBEDTLS_ECP_DP_CURVE25519}, {"P-256", MBEDTLS_ECP_DP_SECP256R1},
    {"P-384", MBEDTLS_ECP_DP_SECP384R1}, {"P-521", MBEDTLS_ECP_DP_SECP521R1},
  };
  if (!name) return;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(name, known[i].name) == 0) list[0] = known[i].id;
  mbedtls_ssl_conf_curves(&conf, list);
}

/* set_psk takes the pre-shared key, in hex, and its identity. */
static void set_psk(const char *hex, const char *identity) {
  unsigned char psk[64];
  size_t n = 0;
  unsigned byte;
  if (!hex) return;
  for (; n < sizeof psk && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) psk[n] = (unsigned char)byte;
  check("psk", mbedtls_ssl_conf_psk(&conf, psk, n, (const unsigned char *)identity, strlen(identity)));
}

static void configure(int endpoint) {
  static int suites[2];
  static const char *protocols[2];
  check("defaults", mbedtls_ssl_config_defaults(&conf, endpoint, getenv("DATAGRAM") ? MBEDTLS_SSL_TRANSPORT_DATAGRAM : MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
  mbedtls_ssl_conf_rng(&conf, mbedtls_ctr_drbg_random, &drbg);
  check("CA", mbedtls_x509_crt_parse_file(&ca, getenv("CA")));
  mbedtls_ssl_conf_ca_chain(&conf, &ca, NULL);
  mbedtls_ssl_conf_authmode(&conf, endpoint == MBEDTLS_SSL_IS_CLIENT || getenv("CLIENT_AUTH") ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
  if (getenv("CERT")) {
    check("CERT", mbedtls_x509_crt_parse_file(&own, getenv("CERT")));
    check("KEY", mbedtls_pk_parse_keyfile(&key, getenv("KEY"), NULL));
    check("certificate", mbedtls_ssl_conf_own_cert(&conf, &own, &key));
  }
  if ((suites[0] = number("SUITE_ID"))) mbedtls_ssl_conf_ciphersuites(&conf, suites);
  if ((protocols[0] = getenv("ALPN"))) check("ALPN", mbedtls_ssl_conf_alpn_protocols(&conf, protocols));
  set_group(getenv("GROUP"));
  set_psk(getenv("PSK"), getenv("PSK_IDENTITY"));
  if (getenv("SEPARATE")) mbedtls_ssl_conf_extended_master_secret(&conf, MBEDTLS_SSL_EXTENDED_MS_DISABLED);
  if (getenv("RENEGOTIATE")) mbedtls_ssl_conf_renegotiation(&conf, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
  if (endpoint == MBEDTLS_SSL_IS_CLIENT) {
    mbedtls_ssl_conf_session_tickets(&conf, is("RESUME", "ID") ? MBEDTLS_SSL_SESSION_TICKETS_DISABLED : MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
  } else if (getenv("DATAGRAM")) {
    check("cookies", mbedtls_ssl_cookie_setup(&cookies, mbedtls_ctr_drbg_random, &drbg));
    mbedtls_ssl_conf_dtls_cookies(&conf, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &cookies);
  } else if (is("RESUME", "ID")) {
    mbedtls_ssl_conf_session_cache(&conf, &cache, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
  } else {
    check("tickets", mbedtls_ssl_ticket_setup(&tickets, mbedtls_ctr_drbg_random, &drbg, MBEDTLS_CIPHER_AES_256_GCM, 3600));
    mbedtls_ssl_conf_session_tickets_cb(&conf, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &tickets);
  }
}

static int protocol(void) { return getenv("DATAGRAM") ? MBEDTLS_NET_PROTO_UDP : MBEDTLS_NET_PROTO_TCP; }

static void begin(mbedtls_ssl_context *ssl, mbedtls_net_context *net) {
  mbedtls_ssl_init(ssl);
  check("setup", mbedtls_ssl_setup(ssl, &conf));
  if (getenv("DATAGRAM")) {
    mbedtls_ssl_set_bio(ssl, net, mbedtls_net_send, NULL, mbedtls_net_recv_timeout);
    mbedtls_ssl_set_timer_cb(ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
  } else {
    mbedtls_ssl_set_bio(ssl, net, mbedtls_net_send, mbedtls_net_recv, NULL);
  }
}

static void say(mbedtls_ssl_context *ssl, const unsigned char *data, size_t n) {
  while (n > 0) {
    int sent = check("write", mbedtls_ssl_write(ssl, data, n));
    data += sent;
    n -= (size_t)sent;
  }
}

/* hear returns how much came, 0 for the end. */
static int hear(mbedtls_ssl_context *ssl) {
  int n = mbedtls_ssl_read(ssl, buffer, sizeof buffer);
  return n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : check("read", n);
}

/* finish says that all is said, and hears the same. */
static void finish(mbedtls_ssl_context *ssl, mbedtls_net_context *net) {
  check("close", mbedtls_ssl_close_notify(ssl));
  if (hear(ssl) != 0) exit((fprintf(stderr, "data after the end\n"), 1));
  mbedtls_ssl_free(ssl);
  mbedtls_net_free(net);
}

static void dial(mbedtls_ssl_context *ssl, mbedtls_net_context *net, const mbedtls_ssl_session *old) {
  mbedtls_net_init(net);
  check("connect", mbedtls_net_connect(net, "127.0.0.1", getenv("PORT"), protocol()));
  begin(ssl, net);
  check("name", mbedtls_ssl_set_hostname(ssl, getenv("NAME")));
  if (old) check("session", mbedtls_ssl_set_session(ssl, old));
  check("handshake", mbedtls_ssl_handshake(ssl));
}

static void client(void) {
  mbedtls_ssl_context ssl;
  mbedtls_net_context net;
  mbedtls_ssl_session old;
  char line[1000];
  mbedtls_ssl_session_init(&old);
  if (getenv("RESUME")) {
    dial(&ssl, &net, NULL);
    check("session", mbedtls_ssl_get_session(&ssl, &old));
    finish(&ssl, &net);
  }
  dial(&ssl, &net, getenv("RESUME") ? &old : NULL);
  while (fgets(line, sizeof line, stdin)) {
    say(&ssl, (const unsigned char *)line, strlen(line));
    for (size_t left = strlen(line); left > 0;) {
      int n = hear(&ssl);
      if (n == 0 || (size_t)n > left) exit((fprintf(stderr, "no echo\n"), 1));
      fwrite(buffer, 1, (size_t)n, stdout);
      left -= (size_t)n;
    }
    fflush(stdout);
    if (getenv("RENEGOTIATE")) check("renegotiate", mbedtls_ssl_renegotiate(&ssl));
  }
  finish(&ssl, &net);
}

/* prove runs the handshake of a server. Over datagrams a client first has to return a cookie. */
static void prove(mbedtls_ssl_context *ssl, const unsigned char *from, size_t n) {
  if (getenv("DATAGRAM")) {
    check("address", mbedtls_ssl_set_client_transport_id(ssl, from, n));
    if (mbedtls_ssl_handshake(ssl) != MBEDTLS_ERR_SSL_HELLO_VERIFY_REQUIRED) exit((fprintf(stderr, "no HelloVerifyRequest\n"), 1));
    check("reset", mbedtls_ssl_session_reset(ssl));
    check("address", mbedtls_ssl_set_client_transport_id(ssl, from, n));
  }
  check("handshake", mbedtls_ssl_handshake(ssl));
}

static void server(void) {
  mbedtls_ssl_context ssl;
  mbedtls_net_context listener, net;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  unsigned char from[16];
  size_t n;
  mbedtls_net_init(&listener);
  check("bind", mbedtls_net_bind(&listener, "127.0.0.1", "0", protocol()));
  check("port", getsockname(listener.fd, (struct sockaddr *)&address, &size));
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (int left = getenv("RESUME") ? 2 : 1; left > 0; left--) {
    mbedtls_net_init(&net);
    check("accept", mbedtls_net_accept(&listener, &net, from, sizeof from, &n));
    begin(&ssl, &net);
    prove(&ssl, from, n);
    for (int n; (n = hear(&ssl)) > 0;) {
      say(&ssl, buffer, (size_t)n);
      if (getenv("LATE")) mbedtls_ssl_conf_authmode(&conf, MBEDTLS_SSL_VERIFY_REQUIRED);
      if (getenv("RENEGOTIATE")) check("renegotiate", mbedtls_ssl_renegotiate(&ssl));
    }
    check("close", mbedtls_ssl_close_notify(&ssl));
    mbedtls_ssl_free(&ssl);
    mbedtls_net_free(&net);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "version") == 0) return puts("mbedTLS " MBEDTLS_VERSION_STRING) < 0;
  mbedtls_entropy_init(&entropy);
  mbedtls_ctr_drbg_init(&drbg);
  mbedtls_ssl_config_init(&conf);
  mbedtls_x509_crt_init(&ca);
  mbedtls_x509_crt_init(&own);
  mbedtls_pk_init(&key);
  mbedtls_ssl_ticket_init(&tickets);
  mbedtls_ssl_cookie_init(&cookies);
  mbedtls_ssl_cache_init(&cache);
  check("seed", mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0));
  int serves = strcmp(argv[1], "server") == 0;
  configure(serves ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT);
  if (serves) server(); else client();
  return 0;
}
