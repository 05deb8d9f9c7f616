import os, socket, ssl, sys
env = os.environ
ctx = ssl.create_default_context(cafile=env["CA"])
if "ALPN" in env: ctx.set_alpn_protocols([env["ALPN"]])
if "GROUP" in env: ctx.set_ecdh_curve(env["GROUP"])
if "CERT" in env: ctx.load_cert_chain(env["CERT"], env["KEY"])
if "OPENSSL_SUITE" in env: ctx.set_ciphers(env["OPENSSL_SUITE"] + ":@SECLEVEL=0")
if env.get("VERSION") == "1.2": ctx.maximum_version = ssl.TLSVersion.TLSv1_2
if env.get("RESUME") == "ID": ctx.options |= ssl.OP_NO_TICKET

def connect(session=None):
    raw = socket.create_connection(("127.0.0.1", int(env["PORT"])))
    return ctx.wrap_socket(raw, server_hostname=env["NAME"], suppress_ragged_eofs=False, session=session)

session = None
if "RESUME" in env:
    conn = connect()
    session = conn.session
    conn.unwrap().close()
conn = connect(session)
if "UNIQUE" in env: print(conn.get_channel_binding("tls-unique").hex(), file=sys.stderr)
for line in sys.stdin.buffer:
    conn.sendall(line)
    sys.stdout.buffer.write(conn.recv(1 << 16)); sys.stdout.buffer.flush()
conn.unwrap()  # sends close_notify and waits for the other side's
