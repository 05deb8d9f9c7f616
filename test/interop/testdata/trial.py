# usage: trial.py CAPABILITY ROLE: one capability of Python's, told by environment variables as in client.py.
import os, socket, ssl, sys
env = os.environ
what, role = sys.argv[1:]

def context():
    ctx = ssl.create_default_context(ssl.Purpose.SERVER_AUTH if role == "client" else ssl.Purpose.CLIENT_AUTH, cafile=env["CA"])
    ctx.minimum_version = ssl.TLSVersion.TLSv1_3
    if "CERT" in env: ctx.load_cert_chain(env["CERT"], env["KEY"])
    if "KEYLOG" in env: ctx.keylog_filename = env["KEYLOG"]
    if "TICKETS" in env: ctx.num_tickets = int(env["TICKETS"])
    if what == "late" and role == "client": ctx.post_handshake_auth = True
    if what == "late" and role == "server": ctx.verify_mode = ssl.CERT_REQUIRED; ctx.post_handshake_auth = True
    return ctx

def connect(ctx, session=None):
    raw = socket.create_connection(("127.0.0.1", int(env["PORT"])))
    return ctx.wrap_socket(raw, server_hostname=env["NAME"], session=session, suppress_ragged_eofs=False)

def ask(conn):
    conn.sendall(b"hello from the other side\n")
    data = conn.recv(1 << 16)
    print(data, flush=True)

def client():
    ctx = context()
    conn = connect(ctx)
    if what == "unwrap":
        ask(conn)
        plain = conn.unwrap()
        plain.sendall(b"plain from Python\n")
        print("plain:", plain.recv(1 << 16))
        return
    ask(conn)
    while conn.recv(1 << 16): pass # what comes beside data is read along with it
    session = conn.session
    conn.unwrap()
    if what == "resumption":
        conn = connect(ctx, session)
        ask(conn)
        print("resumed", conn.session_reused)
        conn.unwrap()

def server():
    ctx = context()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("port", listener.getsockname()[1], flush=True)
        for _ in range(2 if what == "resumption" else 1):
            if what == "late": ctx.verify_mode = ssl.CERT_OPTIONAL
            raw = listener.accept()[0]
            conn = ctx.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
            data = conn.recv(1 << 16)
            if what == "late":
                print("before:", conn.getpeercert(), flush=True)
                conn.verify_client_post_handshake()
            conn.sendall(data)
            if what == "unwrap":
                plain = conn.unwrap()
                plain.sendall(b"plain from Python\n")
                print("plain:", plain.recv(1 << 16), flush=True)
                continue
            if what == "late": # the answer is read with the next data
                conn.sendall(conn.recv(1 << 16))
                print("after:", conn.getpeercert(), flush=True)
            while data := conn.recv(1 << 16): conn.sendall(data)
            conn.unwrap()
            print("resumed", conn.session_reused, flush=True)

client() if role == "client" else server()
