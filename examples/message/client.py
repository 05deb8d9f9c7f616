"""Sends the lines of standard input as messages and prints the messages of the answer.

Usage: client.py HOST PORT CA-FILE NAME

The format is that of the Go package message: each message is its length as four bytes,
big-endian, and then its bytes.
"""

import socket
import ssl
import struct
import sys

LIMIT = 1 << 20  # bytes of the longest message that is accepted


def send(stream, message):
    stream.write(struct.pack(">I", len(message)) + message)
    stream.flush()


def exactly(stream, n):
    data = stream.read(n)
    if len(data) < n:
        raise EOFError(f"the connection ended after {len(data)} of {n} bytes")
    return data


def receive(stream):
    """Returns the next message, or None at the end of the stream."""
    head = stream.read(4)
    if not head:
        return None
    if len(head) < 4:
        raise EOFError("the connection ended within a length")
    (length,) = struct.unpack(">I", head)
    if length > LIMIT:
        raise ValueError(f"a message of {length} bytes exceeds the limit of {LIMIT}")
    return exactly(stream, length)


def main():
    host, port, authority, name = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        with context.wrap_socket(raw, server_hostname=name, suppress_ragged_eofs=False) as conn:
            with conn.makefile("rwb") as stream:
                for line in sys.stdin.buffer:
                    send(stream, line.rstrip(b"\n"))
                    answer = receive(stream)
                    if answer is None:
                        raise EOFError("the server ended instead of an answer")
                    sys.stdout.buffer.write(answer + b"\n")


if __name__ == "__main__":
    main()
