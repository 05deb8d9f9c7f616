import os, socket, ssl, sys
env = os.environ
ctx = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=env["CA"])
ctx.load_cert_chain(env["CERT"], env["KEY"])
if "ALPN" in env: ctx.set_alpn_protocols([env["ALPN"]])
if "GROUP" in env: ctx.set_ecdh_curve(env["GROUP"])
if "CLIENT_AUTH" in env: ctx.verify_mode = ssl.CERT_REQUIRED
if "OPENSSL_SUITE" in env: ctx.set_ciphers(env["OPENSSL_SUITE"] + ":@SECLEVEL=0")
if env.get("VERSION") == "1.2": ctx.maximum_version = ssl.TLSVersion.TLSv1_2
if env.get("RESUME") == "ID": ctx.options |= ssl.OP_NO_TICKET
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("port", listener.getsockname()[1], flush=True)
    for _ in range(2 if "RESUME" in env else 1):
        conn = ctx.wrap_socket(listener.accept()[0], server_side=True, suppress_ragged_eofs=False)
        if "UNIQUE" in env: print(conn.get_channel_binding("tls-unique").hex(), file=sys.stderr, flush=True)
        while data := conn.recv(1 << 16):
            conn.sendall(data)
        conn.unwrap()
