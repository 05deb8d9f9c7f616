#!/bin/bash
# Prepares the programs for test/interop, test/inspect and test/starttls: installs missing ones (as root, with apt), and unpacks the OpenSSL and
# GnuTLS of a newer Debian release, the wolfSSL of the newest, and INN, without installing them. No service is started, and no installed package
# is removed. Prints a line for each peer: its version, or the reason why it is skipped.
# This script does not fail. With SEALSOCK_PEERS=require the tests fail if a peer is missing. usage: scripts/peers.sh
set -u
dir=${SEALSOCK_PEERS_DIR:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/sealsock/peers}
newer=trixie # the Debian release of the additional tools
newest=sid   # the one whose wolfSSL has DTLS 1.3: testing has none
log=$dir/install.log
mkdir -p "$dir" || exit 0

# have reports whether a program is in PATH or, for a path, a file exists.
have() {
  case $1 in
  /*) [ -e "$1" ] ;;
  *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# Each peer, the programs and files it needs, and their packages. The tests compile small programs of our own for mbedTLS, Botan and wolfSSL.
peers='openssl:openssl:openssl
wrk:wrk:wrk
h2load:h2load:nghttp2-client
libssl:gcc /usr/include/openssl/ssl.h:gcc libssl-dev
gnutls:gnutls-cli gnutls-serv:gnutls-bin
nss:tstclnt selfserv certutil pk12util:libnss3-tools
curl:curl:curl
stunnel:stunnel:stunnel4
python:python3:python3
java:java javac:default-jdk-headless
node:node:nodejs
mbedtls:gcc /usr/include/stdio.h /usr/include/mbedtls/ssl.h:gcc libc6-dev libmbedtls-dev
botan:g++ /usr/include/botan-2/botan/tls_client.h:g++ libbotan-2-dev
wolfssl:gcc /usr/include/wolfssl/ssl.h:gcc libc6-dev libwolfssl-dev
chromium:chromium:chromium
sslscan:sslscan:sslscan
testssl:testssl:testssl.sh
nginx:nginx:nginx-light
haproxy:haproxy:haproxy
hitch:hitch:hitch
stunnel:stunnel4:stunnel4
postfix:/usr/sbin/postfix:postfix
dovecot:/usr/lib/dovecot/imap-login /usr/lib/dovecot/pop3-login /usr/lib/dovecot/lmtp /usr/lib/dovecot/managesieve-login:dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-managesieved
vsftpd:/usr/sbin/vsftpd:vsftpd
slapd:/usr/sbin/slapd ldapsearch:slapd ldap-utils
postgres:/usr/lib/postgresql/*/bin/postgres psql:postgresql postgresql-client
redis:redis-server:redis-server
mariadb:/usr/sbin/mariadbd mariadb:mariadb-server mariadb-client
prosody:/usr/bin/prosody:prosody
inspircd:/usr/sbin/inspircd:inspircd
nats:/usr/sbin/nats-server:nats-server
xrdp:/usr/sbin/xrdp:xrdp
swaks:swaks:swaks
libnats:gcc /usr/include/nats/nats.h:gcc libnats-dev'

# missing prints the packages of the missing programs.
missing() {
  while IFS=: read -r _ programs package; do
    for p in $programs; do have "$p" || { echo "$package"; break; }; done
  done <<<"$peers"
}

apt() { timeout 1800 apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 "$@" >>"$log" 2>&1 </dev/null; }

install_missing() {
  local packages p
  packages=$(missing)
  [ -n "$packages" ] || return 0
  have apt-get || { why="apt is not here"; return 0; }
  [ "$(id -u)" = 0 ] || { why="installing it needs root"; return 0; }
  why="apt could not install it, see $log"
  export DEBIAN_FRONTEND=noninteractive
  apt update
  forbid_services
  # shellcheck disable=SC2086
  apt install -y --no-install-recommends --no-remove $packages ||
    for p in $packages; do apt install -y --no-install-recommends --no-remove "$p"; done
  [ -z "$forbidden" ] || rm -f "$policy"
}

# forbid_services keeps the scripts of packages from starting services, with a file that invoke-rc.d and deb-systemd-invoke ask. One that is
# there before stays as it is.
policy=/usr/sbin/policy-rc.d forbidden=""
forbid_services() {
  [ -e "$policy" ] && return 0
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && forbidden=yes
  trap 'rm -f "$policy"' EXIT
}

# unpack_inn unpacks INN into $dir/inn2, and installs the libraries that it needs. The package itself does not install on a machine whose name
# has no domain.
unpack_inn() {
  local needed work
  [ -x /usr/lib/news/bin/nnrpd ] || [ -x "$dir/inn2/usr/lib/news/bin/nnrpd" ] && return 0
  have apt-get && have dpkg-deb || { inn_why="apt is not here"; return 1; }
  inn_why="apt did not give it, see $log"
  work=$(mktemp -d "$dir/unpack.XXXXXX") || return 1
  needed=$(apt-cache depends inn2 2>>"$log" | sed -n 's/^ *Depends: \(lib[^<]*\)$/\1/p' | grep -v -- -perl)
  if [ "$(id -u)" = 0 ]; then
    # shellcheck disable=SC2086
    apt install -y --no-install-recommends --no-remove --no-upgrade $needed
  fi
  (cd "$work" && apt -o APT::Sandbox::User=root download inn2 inn2-inews) && dpkg-deb -x "$work"/inn2_*.deb "$work/root" 2>>"$log" &&
    dpkg-deb -x "$work"/inn2-inews_*.deb "$work/root" 2>>"$log" && # libinn
    mv "$work/root" "$dir/inn2"
  rm -rf "$work"
  [ -x "$dir/inn2/usr/lib/news/bin/nnrpd" ]
}

# unpack_release unpacks packages of a Debian release into $dir/RELEASE, with a script that runs its programs with their own C library. It uses
# the configured mirrors of apt, and resolves the dependencies against an empty system, so that apt downloads all of them and installs nothing.
unpack_release() { # RELEASE PACKAGE...
  [ -x "$dir/$1/run" ] && return 0
  have apt-get && have dpkg-deb || { newer_why="apt is not here"; return 1; }
  newer_why="no mirror of apt's gave the packages of $1, see $log"
  local mirror
  for mirror in $(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | awk '!seen[$0]++'); do
    unpack_from "$mirror" "$@" && return 0
  done
  return 1
}

# unpack_from does so with one mirror.
unpack_from() { # MIRROR RELEASE PACKAGE...
  local mirror=$1 release=$2 work deb
  shift 2
  work=$(mktemp -d "$dir/unpack.XXXXXX") || return 1
  mkdir -p "$work"/{lists/partial,cache/archives/partial,root}
  : >"$work/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$work/sources.list"
  local own=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/nonexistent -o "Dir::State::lists=$work/lists"
    -o "Dir::State::status=$work/status" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1)
  if apt "${own[@]}" update && apt "${own[@]}" install -y --no-install-recommends --download-only "$@"; then
    for deb in "$work"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$work/root" 2>>"$log"; done
    write_starter "$work/root" && mv "$work/root" "$dir/$release" 2>>"$log"
  fi
  rm -rf "$work"
  [ -x "$dir/$release/run" ]
}

# write_starter writes a script that runs one of the unpacked programs.
write_starter() {
  local loader
  loader=$(cd "$1" && ls -d usr/lib/*-linux-*/ld-linux*.so.* usr/lib*/ld-linux*.so.* 2>/dev/null | head -1)
  [ -n "$loader" ] || return 1
  cat >"$1/run" <<STARTER
#!/bin/sh
# usage: run PROGRAM ARGUMENT...
root=\$(dirname "\$0"); program=\$1; shift
loader=\$root/$loader
libraries=\$(echo "\$root"/usr/lib/*-linux-*)
OPENSSL_CONF=\${OPENSSL_CONF:-/dev/null} exec "\$loader" --library-path "\$libraries" "\$root/usr/bin/\$program" "\$@"
STARTER
  chmod +x "$1/run"
}

# report prints the version of a peer, or the reason why it is skipped.
report() { # NAME REASON COMMAND...
  local name=$1 reason=$2 version
  shift 2
  if version=$(timeout 20 "$@" 2>&1 </dev/null); then
    version=${version%%$'\n'*}
  else
    version="left out: ${reason:-it does not start}"
  fi
  printf '%-12s %s\n' "$name" "$version"
}

why="" newer_why="" newest_why="" inn_why=""
install_missing
unpack_release "$newest" libwolfssl-dev || newest_why=$newer_why
unpack_release "$newer" openssl gnutls-bin
unpack_inn
report openssl "$why" openssl version
report "openssl+" "$newer_why" "$dir/$newer/run" openssl version
report gnutls "$why" gnutls-cli --version
report "gnutls+" "$newer_why" "$dir/$newer/run" gnutls-cli --version
report nss "$why" sh -c 'command -v tstclnt selfserv certutil pk12util >/dev/null && echo "tstclnt, selfserv"'
report curl "$why" curl --version
report stunnel "$why" sh -c 'stunnel -version 2>&1 | grep "^stunnel "'
report python "$why" python3 -c 'import ssl, sys; print("Python", sys.version.split()[0], "with", ssl.OPENSSL_VERSION)'
report java "$why" sh -c 'command -v javac >/dev/null && java -version'
report node "$why" node -p '"Node " + process.version + " with OpenSSL " + process.versions.openssl'
for tool in sslscan testssl nginx haproxy stunnel4 redis-server mariadb psql ldapsearch swaks; do report $tool "$why" sh -c "command -v $tool"; done
for tool in postfix dovecot vsftpd slapd mariadbd inspircd nats-server xrdp; do report $tool "$why" ls /usr/sbin/$tool; done
report libnats "$why" ls /usr/include/nats/nats.h
report prosody "$why" ls /usr/bin/prosody
report postgres "$why" sh -c 'ls /usr/lib/postgresql/*/bin/postgres'
report inn "$inn_why" sh -c 'ls /usr/lib/news/bin/nnrpd "$1" 2>/dev/null | grep .' sh "$dir/inn2/usr/lib/news/bin/nnrpd"
report mbedtls "$why" sh -c 'command -v gcc >/dev/null && echo "#include <mbedtls/version.h>
MBEDTLS_VERSION_STRING_FULL" | gcc -E -P - | tail -1'
report wolfssl+ "$newest_why" sed -n 's/^#define LIBWOLFSSL_VERSION_STRING "\(.*\)"/wolfSSL \1/p' "$dir/$newest/usr/include/wolfssl/version.h"
report botan "$why" sh -c 'h=/usr/include/botan-2/botan/build.h; command -v g++ >/dev/null && [ -e $h ] &&
  sed -n "s/^#define BOTAN_VERSION_\\(MAJOR\\|MINOR\\|PATCH\\) //p" $h | paste -sd .'
exit 0
