// One connection with Botan 2, as a client or as an echo server, like mbedtls.c beside it, but for a pre-shared key with ECDHE alone
// (no other program has these suites with AES), or with DATAGRAM for DTLS 1.2 with a certificate.
#include <botan/auto_rng.h>
#include <botan/certstor_flatfile.h>
#include <botan/credentials_manager.h>
#include <botan/data_src.h>
#include <botan/hex.h>
#include <botan/pkcs8.h>
#include <botan/pkix_types.h>
#include <botan/tls_client.h>
#include <botan/tls_policy.h>
#include <botan/tls_server.h>
#include <botan/version.h>
#include <botan/x509cert.h>

#include <arpa/inet.h>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

using namespace Botan;

static std::string env(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static bool datagrams() { return !env("DATAGRAM").empty(); }

// Keys knows the one key, or the certificate of a server and the authority.
class Keys : public Credentials_Manager {
public:
  Keys() {
    if (!datagrams()) return;
    authorities = std::make_unique<Flatfile_Certificate_Store>(env("CA"));
    if (env("CERT").empty()) return;
    DataSource_Stream cert(env("CERT")), key(env("KEY"));
    while (!cert.end_of_data()) {
      try {
        chain.push_back(X509_Certificate(cert));
      } catch (const Decoding_Error &) { // the end of the file
        break;
      }
    }
    own = PKCS8::load_key(key);
  }
  std::vector<X509_Certificate> cert_chain(const std::vector<std::string> &, const std::string &, const std::string &) override {
    return chain;
  }
  Private_Key *private_key_for(const X509_Certificate &, const std::string &, const std::string &) override { return own.get(); }
  std::vector<Certificate_Store *> trusted_certificate_authorities(const std::string &, const std::string &) override {
    if (!authorities) return {};
    return {authorities.get()};
  }
  std::string psk_identity_hint(const std::string &, const std::string &) override { return env("HINT"); }
  std::string psk_identity(const std::string &, const std::string &, const std::string &hint) override {
    if (hint != env("HINT")) throw std::runtime_error("the server's hint is '" + hint + "'");
    return env("PSK_IDENTITY");
  }
  SymmetricKey psk(const std::string &, const std::string &, const std::string &identity) override {
    if (identity == "" && datagrams()) return SymmetricKey(std::string(64, 'a')); // of the cookies
    if (identity != env("PSK_IDENTITY")) throw std::runtime_error("no key for identity '" + identity + "'");
    return SymmetricKey(env("PSK"));
  }

private:
  std::vector<X509_Certificate> chain;
  std::unique_ptr<Private_Key> own;
  std::unique_ptr<Certificate_Store> authorities;
};

// Peer is the connection below, and what comes out of it.
class Peer : public TLS::Callbacks {
public:
  explicit Peer(int socket) : fd(socket) {}
  TLS::Channel *channel = nullptr;
  bool echoes = false, closed = false;
  size_t came = 0;

  void tls_emit_data(const uint8_t data[], size_t n) override {
    for (; n > 0;) {
      ssize_t sent = write(fd, data, n);
      if (sent <= 0) throw std::runtime_error("the connection is cut");
      data += sent;
      n -= static_cast<size_t>(sent);
    }
  }
  void tls_record_received(uint64_t, const uint8_t data[], size_t n) override {
    came += n;
    if (echoes) channel->send(data, n);
    else std::cout.write(reinterpret_cast<const char *>(data), static_cast<std::streamsize>(n)).flush();
  }
  void tls_alert(TLS::Alert alert) override {
    if (alert.type() == TLS::Alert::CLOSE_NOTIFY) closed = true;
    else std::cerr << "alert " << alert.type_string() << "\n";
  }
  bool tls_session_established(const TLS::Session &) override { return false; }

  std::string tls_peer_network_identity() override { return datagrams() ? "the client" : ""; }

  // listen takes what comes next, and sends a flight of datagrams again if nothing does.
  void listen() {
    uint8_t buffer[4096];
    pollfd ready{fd, POLLIN, 0};
    if (datagrams() && poll(&ready, 1, 100) == 0) {
      channel->timeout_check();
      return;
    }
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n <= 0) throw std::runtime_error("the connection is cut");
    channel->received_data(buffer, static_cast<size_t>(n));
  }

private:
  int fd;
};

static std::string policy() {
  if (datagrams()) return "allow_dtls10 = false\nallow_dtls12 = true\nrequire_cert_revocation_info = false\nminimum_signature_strength = 80\n";
  static const std::map<int, std::string> ciphers = {
    {0xD001, "AES-128/GCM"}, {0xD002, "AES-256/GCM"}, {0xD003, "AES-128/CCM(8)"}, {0xD005, "AES-128/CCM"}, {0xCCAC, "ChaCha20Poly1305"}};
  return "allow_tls10 = false\nallow_tls11 = false\nallow_tls12 = true\nmacs = AEAD\nkey_exchange_methods = ECDHE_PSK\nciphers = " +
         ciphers.at(std::stoi(env("SUITE_ID"))) + "\n";
}

static sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void check(const char *what, int result) {
  if (result < 0) throw std::runtime_error(what);
}

static void client(TLS::Session_Manager &sessions, Credentials_Manager &keys, const TLS::Policy &rules, RandomNumberGenerator &rng) {
  int fd = socket(AF_INET, datagrams() ? SOCK_DGRAM : SOCK_STREAM, 0);
  sockaddr_in address = loopback(std::stoi(env("PORT")));
  check("connect", connect(fd, reinterpret_cast<sockaddr *>(&address), sizeof address));
  Peer peer(fd);
  TLS::Client conn(peer, sessions, keys, rules, rng, TLS::Server_Information(env("NAME")),
                   datagrams() ? TLS::Protocol_Version::DTLS_V12 : TLS::Protocol_Version::TLS_V12);
  peer.channel = &conn;
  while (!conn.is_active()) peer.listen();
  size_t sent = 0;
  for (std::string line; std::getline(std::cin, line);) {
    conn.send(line + "\n");
    for (sent += line.size() + 1; peer.came < sent;) peer.listen();
  }
  conn.close();
  while (!peer.closed) peer.listen();
}

static void server(TLS::Session_Manager &sessions, Credentials_Manager &keys, const TLS::Policy &rules, RandomNumberGenerator &rng) {
  int listener = socket(AF_INET, datagrams() ? SOCK_DGRAM : SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  check("bind", bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof address));
  if (!datagrams()) check("listen", listen(listener, 1));
  check("port", getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size));
  std::cout << "port " << ntohs(address.sin_port) << std::endl;
  int fd = listener;
  if (datagrams()) {
    char first;
    check("a client", static_cast<int>(recvfrom(fd, &first, 1, MSG_PEEK, reinterpret_cast<sockaddr *>(&address), &size)));
    check("connect", connect(fd, reinterpret_cast<sockaddr *>(&address), size));
  } else {
    fd = accept(listener, nullptr, nullptr);
    check("accept", fd);
  }
  Peer peer(fd);
  peer.echoes = true;
  TLS::Server conn(peer, sessions, keys, rules, rng, datagrams());
  peer.channel = &conn;
  while (!peer.closed) peer.listen();
  conn.close();
}

int main(int argc, char **argv) try {
  std::string role = argc == 2 ? argv[1] : "";
  if (role == "version") {
    std::cout << "Botan " << short_version_string() << "\n";
    return 0;
  }
  AutoSeeded_RNG rng;
  TLS::Session_Manager_Noop sessions;
  Keys keys;
  TLS::Text_Policy rules(policy());
  if (role == "server") server(sessions, keys, rules, rng);
  else client(sessions, keys, rules, rng);
  return 0;
} catch (const std::exception &e) {
  std::cerr << e.what() << "\n";
  return 1;
}
