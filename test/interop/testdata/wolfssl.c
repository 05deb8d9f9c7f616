/* One connection of DTLS 1.2 with wolfSSL, as a client (standard input goes to the server, its answers to standard output) or as an
   echo server, told what to do by environment variables, as mbedtls.c beside it is. */
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

/* begin makes a connection with a peer, and runs its handshake. */
static WOLFSSL *begin(WOLFSSL_CTX *ctx, int fd, struct sockaddr_in *peer, int is_client) {
  WOLFSSL *ssl = wolfSSL_new(ctx);
  check("new", ssl != NULL);
  check("peer", wolfSSL_dtls_set_peer(ssl, peer, sizeof *peer) == WOLFSSL_SUCCESS);
  check("socket", wolfSSL_set_fd(ssl, fd) == WOLFSSL_SUCCESS);
  if (is_client) check("name", wolfSSL_check_domain_name(ssl, getenv("NAME")) == WOLFSSL_SUCCESS);
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

static void client(WOLFSSL_CTX *ctx) {
  struct sockaddr_in peer = loopback(atoi(getenv("PORT")));
  char line[1000];
  check("CA", wolfSSL_CTX_load_verify_locations(ctx, getenv("CA"), NULL) == WOLFSSL_SUCCESS);
  wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, NULL);
  WOLFSSL *ssl = begin(ctx, socket(AF_INET, SOCK_DGRAM, 0), &peer, 1);
  while (fgets(line, sizeof line, stdin)) {
    size_t sent = strlen(line), came = 0;
    check("write", wolfSSL_write(ssl, line, (int)sent) == (int)sent);
    while (came < sent) {
      int n = hear(ssl);
      check("an answer", n > 0);
      fwrite(buffer, 1, (size_t)n, stdout);
      fflush(stdout);
      came += (size_t)n;
    }
  }
  wolfSSL_shutdown(ssl);
  while (hear(ssl) > 0) {}
}

static void server(WOLFSSL_CTX *ctx) {
  struct sockaddr_in own = loopback(0), peer;
  socklen_t size = sizeof own;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  check("CERT", wolfSSL_CTX_use_certificate_chain_file(ctx, getenv("CERT")) == WOLFSSL_SUCCESS);
  check("KEY", wolfSSL_CTX_use_PrivateKey_file(ctx, getenv("KEY"), WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS);
  check("bind", bind(fd, (struct sockaddr *)&own, sizeof own) == 0);
  check("port", getsockname(fd, (struct sockaddr *)&own, &size) == 0);
  printf("port %d\n", ntohs(own.sin_port));
  fflush(stdout);
  size = sizeof peer;
  check("a client", recvfrom(fd, buffer, sizeof buffer, MSG_PEEK, (struct sockaddr *)&peer, &size) > 0);
  WOLFSSL *ssl = begin(ctx, fd, &peer, 0);
  for (int n; (n = hear(ssl)) > 0;) check("write", wolfSSL_write(ssl, buffer, n) == n);
  wolfSSL_shutdown(ssl);
}

int main(int argc, char **argv) {
  const char *role = argc == 2 ? argv[1] : "";
  if (strcmp(role, "version") == 0) {
    printf("wolfSSL %s\n", wolfSSL_lib_version());
    return 0;
  }
  wolfSSL_Init();
  int is_server = strcmp(role, "server") == 0;
  WOLFSSL_CTX *ctx = wolfSSL_CTX_new(is_server ? wolfDTLSv1_2_server_method() : wolfDTLSv1_2_client_method());
  check("context", ctx != NULL);
  if (is_server) server(ctx);
  else client(ctx);
  return 0;
}
