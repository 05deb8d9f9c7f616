// Measures OpenSSL through its library, for the program bench, which compiles and starts it.
// Standard input has a command on each line, standard output the answer: "ok" and the
// figures, "unsupported", or "error" and the reason.
//
//	handshakes KEY CHAIN GROUP RESUME MILLISECONDS   a second, µs of the client, of the server
//	bulk memory|loopback MILLISECONDS                MB/s
//	trips MILLISECONDS                               a second
//	idle CONNECTIONS                                 bytes of heap of one end
//
// The folder in the first argument has KEY-CHAIN.root, KEY-CHAIN.pem and KEY-CHAIN.key.
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (16 << 10)

static const char *folder;
static SSL_SESSION *session; // the last one that a client was given

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int failed(const char *what) {
  printf("error %s: %s\n", what, ERR_error_string(ERR_get_error(), NULL));
  return 0;
}

static int keep(SSL *ssl, SSL_SESSION *s) {
  (void)ssl;
  SSL_SESSION_free(session);
  session = s;
  return 1; // it is ours now
}

struct pair {
  SSL_CTX *client, *server;
};

static void free_pair(struct pair *p) {
  SSL_CTX_free(p->client);
  SSL_CTX_free(p->server);
  SSL_SESSION_free(session);
  session = NULL;
}

// contexts makes both sides. It prints why it could not.
static int contexts(struct pair *p, const char *key, int chain, const char *group, int resume) {
  char root[512], certs[512], private[512];
  snprintf(root, sizeof root, "%s/%s-%d.root", folder, key, chain);
  snprintf(certs, sizeof certs, "%s/%s-%d.pem", folder, key, chain);
  snprintf(private, sizeof private, "%s/%s-%d.key", folder, key, chain);
  p->client = SSL_CTX_new(TLS_client_method());
  p->server = SSL_CTX_new(TLS_server_method());
  SSL_CTX *both[] = {p->client, p->server};
  for (int i = 0; i < 2; i++) {
    SSL_CTX_set_min_proto_version(both[i], TLS1_3_VERSION);
    SSL_CTX_set_mode(both[i], SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_ciphersuites(both[i], "TLS_AES_128_GCM_SHA256");
    if (!SSL_CTX_set1_groups_list(both[i], group)) {
      ERR_clear_error();
      printf("unsupported\n");
      return 0;
    }
  }
  if (!SSL_CTX_use_certificate_chain_file(p->server, certs) ||
      !SSL_CTX_use_PrivateKey_file(p->server, private, SSL_FILETYPE_PEM) ||
      !SSL_CTX_load_verify_locations(p->client, root, NULL))
    return failed("the certificates");
  SSL_CTX_set_verify(p->client, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_num_tickets(p->server, resume ? 1 : 0);
  SSL_CTX_set_session_cache_mode(p->client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(p->client, keep);
  return 1;
}

// ends makes both ends over two BIOs.
static void ends(struct pair *p, SSL **c, SSL **s, BIO *near, BIO *far) {
  *c = SSL_new(p->client);
  *s = SSL_new(p->server);
  SSL_set_bio(*c, near, near);
  SSL_set_bio(*s, far, far);
  SSL_set1_host(*c, "bench.example");
  SSL_set_tlsext_host_name(*c, "bench.example");
  SSL_set_connect_state(*c);
  SSL_set_accept_state(*s);
}

// shake runs a handshake over a BIO pair, with one byte behind it, and adds the time of
// each end.
static int shake(SSL *c, SSL *s, double *client, double *server) {
  char b = 1;
  int sent = 0;
  for (int i = 0; i < 20; i++) {
    double t = now();
    int n = SSL_is_init_finished(c) ? SSL_read(c, &b, 1) : SSL_do_handshake(c);
    if (n == 1 && SSL_is_init_finished(c) && !sent)
      n = SSL_read(c, &b, 1);
    double u = now();
    *client += u - t;
    if (n == 1 && sent)
      return 1;
    if (n <= 0 && SSL_get_error(c, n) != SSL_ERROR_WANT_READ)
      return 0;
    n = SSL_do_handshake(s);
    if (n == 1 && !sent)
      sent = SSL_write(s, &b, 1) == 1;
    *server += now() - u;
    if (n <= 0 && SSL_get_error(s, n) != SSL_ERROR_WANT_READ)
      return 0;
  }
  return 0;
}

static void handshakes(const char *key, int chain, const char *group, int resume, int ms) {
  struct pair p;
  double client = 0, server = 0, start = 0, n = -1; // the first one leaves a session
  if (!contexts(&p, key, chain, group, resume))
    return;
  for (; n < 0 || now() - start < ms / 1e3; n++) {
    if (n == 0)
      start = now(), client = server = 0;
    BIO *near, *far;
    SSL *c, *s;
    BIO_new_bio_pair(&near, 1 << 15, &far, 1 << 15);
    double t = now();
    ends(&p, &c, &s, near, far);
    if (resume && session)
      SSL_set_session(c, session);
    client += (now() - t) / 2, server += (now() - t) / 2;
    int ok = shake(c, s, &client, &server), resumed = SSL_session_reused(c);
    t = now();
    SSL_shutdown(c);
    SSL_free(c), SSL_free(s);
    client += (now() - t) / 2, server += (now() - t) / 2;
    if (!ok || (resume && n >= 0 && !resumed)) {
      failed("a handshake");
      free_pair(&p);
      return;
    }
    if (n < 0)
      start = now();
  }
  printf("ok %f %f %f\n", n / (now() - start), client / n * 1e6, server / n * 1e6);
  free_pair(&p);
}

// tcp connects two descriptors over loopback.
static int tcp(int fd[2]) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof a;
  int one = 1, l = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(l, (void *)&a, sizeof a) || listen(l, 1) || getsockname(l, (void *)&a, &size))
    return 0;
  fd[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd[0], (void *)&a, sizeof a))
    return 0;
  fd[1] = accept(l, NULL, NULL);
  close(l);
  for (int i = 0; i < 2; i++)
    setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd[1] >= 0;
}

static void *accepting(void *s) { return SSL_do_handshake(s) == 1 ? s : NULL; }

// connected makes a connection over loopback TCP.
static int connected(struct pair *p, SSL **c, SSL **s) {
  int fd[2];
  pthread_t other;
  void *ok;
  if (!tcp(fd))
    return failed("loopback TCP");
  ends(p, c, s, BIO_new_socket(fd[0], 1), BIO_new_socket(fd[1], 1));
  pthread_create(&other, NULL, accepting, *s);
  int mine = SSL_do_handshake(*c);
  pthread_join(other, &ok);
  return mine == 1 && ok ? 1 : failed("a handshake");
}

static volatile int stop;

static void *sending(void *c) {
  static char data[CHUNK];
  while (!stop && SSL_write(c, data, sizeof data) > 0)
    ;
  SSL_shutdown(c);
  return NULL;
}

// A lane is one direction between two ends, without a buffer: the reader runs within the write, and
// each byte is copied once. A BIO pair copies it twice.
struct lane {
  const char *at; // what is written
  size_t left;
  SSL *reader;
  double bytes; // that it has read
};

static int lane_write(BIO *b, const char *p, size_t n, size_t *written) {
  static char got[CHUNK];
  struct lane *l = BIO_get_data(b);
  l->at = p, l->left = n;
  for (int m; (m = SSL_read(l->reader, got, sizeof got)) > 0;)
    l->bytes += m;
  *written = n - l->left;
  return l->left == 0;
}

static int lane_read(BIO *b, char *p, size_t n, size_t *got) {
  struct lane *l = BIO_get_data(b);
  BIO_clear_retry_flags(b);
  if (l->left == 0) {
    BIO_set_retry_read(b);
    return 0;
  }
  *got = n < l->left ? n : l->left;
  memcpy(p, l->at, *got);
  l->at += *got, l->left -= *got;
  return 1;
}

static long lane_control(BIO *b, int command, long number, void *p) {
  (void)b, (void)number, (void)p;
  return command == BIO_CTRL_FLUSH;
}

// lane_end makes a BIO of one end of a lane.
static BIO *lane_end(struct lane *l) {
  static BIO_METHOD *m;
  if (!m) {
    m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lane");
    BIO_meth_set_write_ex(m, lane_write);
    BIO_meth_set_read_ex(m, lane_read);
    BIO_meth_set_ctrl(m, lane_control);
  }
  BIO *b = BIO_new(m);
  BIO_set_data(b, l);
  BIO_set_init(b, 1);
  return b;
}

static void bulk(int loopback, int ms) {
  static char data[CHUNK], got[CHUNK];
  struct pair p;
  SSL *c, *s;
  double bytes = 0, start;
  int n;
  if (!contexts(&p, "p256", 1, "X25519", 0))
    return;
  if (loopback) {
    pthread_t other;
    if (!connected(&p, &c, &s))
      return;
    stop = 0;
    start = now();
    pthread_create(&other, NULL, sending, c);
    while ((n = SSL_read(s, got, sizeof got)) > 0) {
      bytes += n;
      stop = now() - start > ms / 1e3;
    }
    pthread_join(other, NULL);
  } else {
    BIO *near, *far;
    double ignored = 0;
    struct lane l = {0};
    BIO_new_bio_pair(&near, 1 << 15, &far, 1 << 15);
    ends(&p, &c, &s, near, far);
    if (!shake(c, s, &ignored, &ignored)) {
      failed("a handshake");
      return;
    }
    l.reader = s;
    SSL_set0_wbio(c, lane_end(&l));
    SSL_set0_rbio(s, lane_end(&l));
    for (start = now(); now() - start < ms / 1e3;)
      if (SSL_write(c, data, sizeof data) <= 0) {
        failed("bulk data");
        return;
      }
    bytes = l.bytes;
  }
  printf("ok %f\n", bytes / 1e6 / (now() - start));
  SSL_free(c), SSL_free(s);
  free_pair(&p);
}

static void *echoing(void *s) {
  char b[CHUNK];
  for (int n; (n = SSL_read(s, b, sizeof b)) > 0 && SSL_write(s, b, n) > 0;)
    ;
  return NULL;
}

static void trips(int ms) {
  struct pair p;
  SSL *c, *s;
  pthread_t other;
  char b[64] = {0};
  double n = 0, start;
  if (!contexts(&p, "p256", 1, "X25519", 0) || !connected(&p, &c, &s))
    return;
  pthread_create(&other, NULL, echoing, s);
  for (start = now(); now() - start < ms / 1e3; n++) {
    int got = 0;
    SSL_write(c, b, sizeof b);
    while (got < (int)sizeof b) {
      int m = SSL_read(c, b, sizeof b - got);
      if (m <= 0) {
        failed("a round trip");
        return;
      }
      got += m;
    }
  }
  printf("ok %f\n", n / (now() - start));
  SSL_shutdown(c);
  pthread_join(other, NULL);
  SSL_free(c), SSL_free(s);
  free_pair(&p);
}

static void idle(int connections) {
  const int warm = 20;
  struct pair p;
  SSL **list = calloc(2 * (connections + warm), sizeof *list);
  size_t before = 0;
  char b[64] = {0};
  if (!contexts(&p, "p256", 1, "X25519", 0))
    return;
  for (int i = 0; i < connections + warm; i++) {
    if (i == warm)
      before = mallinfo2().uordblks;
    if (!connected(&p, &list[2 * i], &list[2 * i + 1]))
      return;
    SSL_write(list[2 * i], b, sizeof b);
    SSL_read(list[2 * i + 1], b, sizeof b);
    SSL_write(list[2 * i + 1], b, sizeof b);
    SSL_read(list[2 * i], b, sizeof b);
  }
  printf("ok %f\n", (double)(mallinfo2().uordblks - before) / (2 * connections));
  for (int i = 0; i < 2 * (connections + warm); i++)
    SSL_free(list[i]);
  free(list);
  free_pair(&p);
}

int main(int argc, char **argv) {
  char line[256], key[32], group[64], over[32];
  int chain, resume, n;
  if (argc != 2)
    return 2;
  folder = argv[1];
  printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "handshakes %31s %d %63s %d %d", key, &chain, group, &resume, &n) == 5)
      handshakes(key, chain, group, resume, n);
    else if (sscanf(line, "bulk %31s %d", over, &n) == 2)
      bulk(!strcmp(over, "loopback"), n);
    else if (sscanf(line, "trips %d", &n) == 1)
      trips(n);
    else if (sscanf(line, "idle %d", &n) == 1)
      idle(n);
    else
      printf("error an unknown command\n");
    fflush(stdout);
  }
  return 0;
}
