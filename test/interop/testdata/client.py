import os, socket, ssl, sys
env = os.environ
ctx = ssl.create_default_context(cafile=env["CA"])
if "ALPN" in env: ctx.set_alpn_protocols([env["ALPN"]])
if "GROUP" in env: ctx.set_ecdh_curve(env["GROUP"])
if "CERT" in env: ctx.load_cert_chain(env["CERT"], env["KEY"])
with socket.create_connection(("127.0.0.1", int(env["PORT"]))) as raw:
    conn = ctx.wrap_socket(raw, server_hostname=env["NAME"], suppress_ragged_eofs=False)
    for line in sys.stdin.buffer:
        conn.sendall(line)
        sys.stdout.buffer.write(conn.recv(1 << 16)); sys.stdout.buffer.flush()
    conn.unwrap()  # sends close_notify and waits for the other side's
