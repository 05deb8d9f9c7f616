/* One connection with wolfSSL, as a client (standard input goes to the server, its answers to standard output) or as an echo server, told
   what to do by environment variables, as mbedtls.c beside it is. VERSION=1.3 makes it DTLS 1.3, for which there are GROUP (of OpenSSL's names),
   SUITE, PSK and PSK_IDENTITY, RETRY (a client without a key share), CID (its own connection ID), MTU, UPDATE (new keys with each message), and
   RESUME (two connections). Both roles end with a line of facts. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[1 << 14];

/* check ends the program if what it did has failed. */
static int check(const char *what, int ok) {
  if (ok) return ok;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {0};
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

#ifdef WOLFSSL_DTLS13
static const char *setting(const char *name) { return getenv(name) ? getenv(name) : ""; }

static WOLFSSL_METHOD *method(int is_server) {
  if (strcmp(setting("VERSION"), "1.3") == 0) return is_server ? wolfDTLSv1_3_server_method() : wolfDTLSv1_3_client_method();
  return is_server ? wolfDTLSv1_2_server_method() : wolfDTLSv1_2_client_method();
}

/* take_psk takes the pre-shared key, in hex. */
static unsigned take_psk(unsigned char *key, unsigned max) {
  const char *hex = setting("PSK");
  unsigned n = 0, byte;
  for (; n < max && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) key[n] = (unsigned char)byte;
  return n;
}

static unsigned client_psk(WOLFSSL *ssl, const char *hint, char *identity, unsigned size, unsigned char *key, unsigned max, const char **suite) {
  (void)ssl, (void)hint;
  *suite = "TLS13-AES128-GCM-SHA256";
  snprintf(identity, size, "%s", setting("PSK_IDENTITY"));
  return take_psk(key, max);
}

static unsigned server_psk(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned max, const char **suite) {
  (void)ssl;
  *suite = "TLS13-AES128-GCM-SHA256";
  return strcmp(identity, setting("PSK_IDENTITY")) == 0 ? take_psk(key, max) : 0;
}

/* configure does what the settings say. */
static void configure(WOLFSSL_CTX *ctx, int is_client) {
  static const struct { const char *name; int id; } known[] = {
    {"X25519", WOLFSSL_ECC_X25519}, {"P-256", WOLFSSL_ECC_SECP256R1}, {"P-384", WOLFSSL_ECC_SECP384R1}, {"P-521", WOLFSSL_ECC_SECP521R1},
    {"X25519MLKEM768", WOLFSSL_X25519MLKEM768}, {"SecP256r1MLKEM768", WOLFSSL_SECP256R1MLKEM768},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    int id = known[i].id;
    if (strcmp(setting("GROUP"), known[i].name) == 0) check("GROUP", wolfSSL_CTX_set_groups(ctx, &id, 1) == WOLFSSL_SUCCESS);
  }
  if (getenv("SUITE")) check("SUITE", wolfSSL_CTX_set_cipher_list(ctx, getenv("SUITE")) == WOLFSSL_SUCCESS);
  if (getenv("MTU")) check("MTU", wolfSSL_CTX_dtls_set_mtu(ctx, (unsigned short)atoi(getenv("MTU"))) == WOLFSSL_SUCCESS);
  if (getenv("PSK") && is_client) wolfSSL_CTX_set_psk_client_tls13_callback(ctx, client_psk);
  else if (getenv("PSK")) wolfSSL_CTX_set_psk_server_tls13_callback(ctx, server_psk);
}

/* prepare does it for one connection. */
static void prepare(WOLFSSL *ssl, int is_client) {
  const char *cid = getenv("CID");
  if (getenv("RETRY")) check("RETRY", wolfSSL_NoKeyShares(ssl) == WOLFSSL_SUCCESS);
  if (cid) {
    check("CID", wolfSSL_dtls_cid_use(ssl) == WOLFSSL_SUCCESS);
    check("CID", wolfSSL_dtls_cid_set(ssl, (unsigned char *)cid, (unsigned)strlen(cid)) == WOLFSSL_SUCCESS);
  }
  if (!is_client) check("fragments", wolfSSL_dtls13_allow_ch_frag(ssl, 1) == WOLFSSL_SUCCESS);
}

static void update(WOLFSSL *ssl) {
  if (getenv("UPDATE")) check("update", wolfSSL_update_keys(ssl) == WOLFSSL_SUCCESS);
}

/* report prints the facts of a connection. */
static void report(WOLFSSL *ssl) {
  unsigned char cid[100];
  unsigned n = 0;
  const char *group = wolfSSL_get_curve_name(ssl);
  if (wolfSSL_dtls_cid_is_enabled(ssl)) {
    check("CID", wolfSSL_dtls_cid_get_tx_size(ssl, &n) == WOLFSSL_SUCCESS);
    if (n) check("CID", wolfSSL_dtls_cid_get_tx(ssl, cid, sizeof cid) == WOLFSSL_SUCCESS);
  }
  printf("facts: %s %s group %s resumed %d id %u\n", wolfSSL_get_version(ssl), wolfSSL_get_cipher(ssl), group ? group : "none",
         wolfSSL_session_reused(ssl), n);
  fflush(stdout);
}
#else
static WOLFSSL_METHOD *method(int is_server) { return is_server ? wolfDTLSv1_2_server_method() : wolfDTLSv1_2_client_method(); }
static void configure(WOLFSSL_CTX *ctx, int is_client) { (void)ctx, (void)is_client; }
static void prepare(WOLFSSL *ssl, int is_client) { (void)ssl, (void)is_client; }
static void update(WOLFSSL *ssl) { (void)ssl; }
static void report(WOLFSSL *ssl) { (void)ssl; }
#endif

/* begin makes a connection with a peer, and runs its handshake. */
static WOLFSSL *begin(WOLFSSL_CTX *ctx, int fd, struct sockaddr_in *peer, int is_client, WOLFSSL_SESSION *old) {
  WOLFSSL *ssl = wolfSSL_new(ctx);
  check("new", ssl != NULL);
  check("peer", wolfSSL_dtls_set_peer(ssl, peer, sizeof *peer) == WOLFSSL_SUCCESS);
  check("socket", wolfSSL_set_fd(ssl, fd) == WOLFSSL_SUCCESS);
  if (is_client) {
    const char *name = getenv("NAME");
    if (!getenv("PSK")) check("name", wolfSSL_check_domain_name(ssl, name) == WOLFSSL_SUCCESS);
    check("SNI", wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, name, (unsigned short)strlen(name)) == WOLFSSL_SUCCESS);
  }
  prepare(ssl, is_client);
  if (old) check("session", wolfSSL_set_session(ssl, old) == WOLFSSL_SUCCESS);
  int ret = is_client ? wolfSSL_connect(ssl) : wolfSSL_accept(ssl);
  if (ret != WOLFSSL_SUCCESS) {
    fprintf(stderr, "handshake: %s\n", wolfSSL_ERR_error_string((unsigned long)wolfSSL_get_error(ssl, ret), buffer));
    exit(1);
  }
  return ssl;
}

/* hear returns how much came, 0 for the end. */
static int hear(WOLFSSL *ssl) {
  int n = wolfSSL_read(ssl, buffer, sizeof buffer);
  if (n > 0) return n;
  int error = wolfSSL_get_error(ssl, n);
  if (error == WOLFSSL_ERROR_ZERO_RETURN) return 0;
  fprintf(stderr, "read: %s\n", wolfSSL_ERR_error_string((unsigned long)error, buffer));
  exit(1);
}

/* converse sends a line, and prints what comes back. */
static void converse(WOLFSSL *ssl, const char *line) {
  size_t sent = strlen(line), came = 0;
  update(ssl);
  check("write", wolfSSL_write(ssl, line, (int)sent) == (int)sent);
  while (came < sent) {
    int n = hear(ssl);
    check("an answer", n > 0);
    fwrite(buffer, 1, (size_t)n, stdout);
    fflush(stdout);
    came += (size_t)n;
  }
}

static void finish(WOLFSSL *ssl, int is_client) {
  report(ssl);
  wolfSSL_shutdown(ssl);
  while (is_client && hear(ssl) > 0) {}
}

static void own_certificate(WOLFSSL_CTX *ctx) {
  check("CERT", wolfSSL_CTX_use_certificate_chain_file(ctx, getenv("CERT")) == WOLFSSL_SUCCESS);
  check("KEY", wolfSSL_CTX_use_PrivateKey_file(ctx, getenv("KEY"), WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS);
}

static void client(WOLFSSL_CTX *ctx) {
  struct sockaddr_in peer = loopback(atoi(getenv("PORT")));
  char line[4000];
  WOLFSSL_SESSION *old = NULL;
  check("CA", wolfSSL_CTX_load_verify_locations(ctx, getenv("CA"), NULL) == WOLFSSL_SUCCESS);
  wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, NULL);
  if (getenv("CERT")) own_certificate(ctx);
  if (getenv("RESUME")) {
    WOLFSSL *ssl = begin(ctx, socket(AF_INET, SOCK_DGRAM, 0), &peer, 1, NULL);
    converse(ssl, "first\n");
    check("session", (old = wolfSSL_get1_session(ssl)) != NULL);
    finish(ssl, 1);
  }
  WOLFSSL *ssl = begin(ctx, socket(AF_INET, SOCK_DGRAM, 0), &peer, 1, old);
  while (fgets(line, sizeof line, stdin)) converse(ssl, line);
  finish(ssl, 1);
}

static void serve(WOLFSSL_CTX *ctx, struct sockaddr_in *own, int announce) {
  struct sockaddr_in peer;
  socklen_t size = sizeof *own;
  int fd = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;
  check("option", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0);
  check("bind", bind(fd, (struct sockaddr *)own, sizeof *own) == 0);
  check("port", getsockname(fd, (struct sockaddr *)own, &size) == 0);
  if (announce) printf("port %d\n", ntohs(own->sin_port));
  fflush(stdout);
  size = sizeof peer;
  check("a client", recvfrom(fd, buffer, sizeof buffer, MSG_PEEK, (struct sockaddr *)&peer, &size) > 0);
  WOLFSSL *ssl = begin(ctx, fd, &peer, 0, NULL);
  for (int n; (n = hear(ssl)) > 0;) {
    update(ssl);
    check("write", wolfSSL_write(ssl, buffer, n) == n);
  }
  finish(ssl, 0);
  wolfSSL_free(ssl);
  close(fd);
}

static void server(WOLFSSL_CTX *ctx) {
  struct sockaddr_in own = loopback(0);
  if (getenv("CERT")) own_certificate(ctx);
  if (getenv("CLIENT_AUTH")) {
    check("CA", wolfSSL_CTX_load_verify_locations(ctx, getenv("CA"), NULL) == WOLFSSL_SUCCESS);
    wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  serve(ctx, &own, 1);
  if (getenv("RESUME")) serve(ctx, &own, 0);
}

int main(int argc, char **argv) {
  const char *role = argc == 2 ? argv[1] : "";
  if (strcmp(role, "version") == 0) {
    printf("wolfSSL %s\n", wolfSSL_lib_version());
    return 0;
  }
  wolfSSL_Init();
  int is_server = strcmp(role, "server") == 0;
  WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method(is_server));
  check("context", ctx != NULL);
  configure(ctx, !is_server);
  if (is_server) server(ctx);
  else client(ctx);
  return 0;
}
