"""pop3.py: a POP3 client that hides nothing: it sends the bytes it is told to and returns the bytes that come.

    p = Pop3("127.0.0.1", port)                # p.greeting: b"+OK ...\\r\\n"
    p.login("abc@kvt.dk", "secret")            # the answers to USER and PASS
    p.ask("STAT")                              # b"+OK 1 120\\r\\n"
    p.ask_lines("RETR 1")                      # (first line, the bytes up to the final dot, that one excluded)
    p.send(b"NOOP\\r\\nNOOP\\r\\n"); p.line()  # pipelined
    p.stls(); p.quit()

A line that does not come in time, or ends in the middle, raises; the end of the connection is b"".
"""
import os
import re
import socket
import ssl

from scratch import must, write

TIMEOUT = 20


class Pop3:
    def __init__(self, address, port, tls=False, timeout=TIMEOUT, source=None, greet=True):
        """tls: from the first byte (RFC 8314). source: the address to come from. greet: read the greeting."""
        self.socket = socket.create_connection((address, port), timeout, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""
        if tls:
            self._wrap()
        self.greeting = self.line() if greet else b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        """Our end: (address, port), by which session_process() of pop3d.py finds the other."""
        return self.socket.getsockname()[:2]

    def _wrap(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    # --- bytes ---

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            data = b""
        self.rest += data
        return data

    def line(self):
        """The next line with its CRLF; b"" at the end of the connection."""
        while b"\n" not in self.rest:
            if not self._more():
                if self.rest:
                    raise EOFError(f"the connection ends in a line: {self.rest[:200]!r}")
                return b""
        line, _, self.rest = self.rest.partition(b"\n")
        return line + b"\n"

    def lines(self):
        """What comes up to the final dot, as it is on the wire (dot-stuffed), without that dot's line."""
        end = None
        while end is None:
            if self.rest.startswith(b".\r\n"):
                end, skip = 0, 3
            elif (at := self.rest.find(b"\r\n.\r\n")) >= 0:
                end, skip = at + 2, 3
            elif not self._more():
                raise EOFError(f"no final dot behind {self.rest[-200:]!r}")
        data, self.rest = self.rest[:end], self.rest[end + skip:]
        return data

    def ended(self):
        """True if the server closes the connection without another byte."""
        return not self.rest and not self._more()

    def close(self):
        self.socket.close()

    def reset(self):
        """Be gone without a word: the server gets a reset, not an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    # --- commands ---

    def ask(self, command):
        """Send one command (bytes or text, CRLF is added); the first line of the answer."""
        self.send((command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return self.line()

    def ask_lines(self, command):
        """The same for an answer of many lines: (first line, lines()); after -ERR the second is b""."""
        first = self.ask(command)
        return first, self.lines() if first.startswith(b"+OK") else b""

    def pipeline(self, commands):
        """Send all at once; the first lines of the answers."""
        self.send(b"".join((c if isinstance(c, bytes) else c.encode()) + b"\r\n" for c in commands))
        return [self.line() for _ in commands]

    def login(self, name, password):
        """The answers to USER and PASS; the second is b"" where the first was refused."""
        user = self.ask(f"USER {name}")
        return user, self.ask(f"PASS {password}") if user.startswith(b"+OK") else b""

    def must_login(self, name, password):
        answers = self.login(name, password)
        if not answers[1].startswith(b"+OK"):
            raise RuntimeError(f"no login of {name}: {answers}")
        return self

    def stls(self, behind=b""):
        """STLS, and TLS if it was granted; the answer. behind: bytes in the same packet (RFC 2595, section 4: the
        server must forget them)."""
        self.send(b"STLS\r\n" + behind)
        first = self.line()
        if first.startswith(b"+OK"):
            self._wrap()
            self.rest = b""
        return first

    def count(self):
        """(messages, octets) of STAT."""
        m = re.fullmatch(rb"\+OK (\d+) (\d+)\r\n", self.ask("STAT"))
        return int(m[1]), int(m[2])

    def retrieve(self, number):
        """A message as it was: dots taken off, lines with LF."""
        first, data = self.ask_lines(f"RETR {number}")
        if not first.startswith(b"+OK"):
            raise RuntimeError(f"RETR {number}: {first!r}")
        return plain(data)

    def quit(self):
        """The answer to QUIT; the connection is closed afterwards, by us too."""
        answer = self.ask("QUIT")
        self.close()
        return answer


def plain(wire):
    """What lines() returned, without dot-stuffing and with LF."""
    return re.sub(rb"(?m)^\.", b"", wire.replace(b"\r\n", b"\n"))


def certificate(folder, name="mail.example.net"):
    """Make a self-signed certificate: (its path, its key's path), in `folder`; the key is readable by root alone."""
    cert, key = os.path.join(folder, "pop3.pem"), os.path.join(folder, "pop3.key")
    must(["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
          "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1",
          "-keyout", key, "-out", cert])
    os.chmod(key, 0o600)
    return cert, key


def md5_hash(password, salt="pvtestpv"):
    """The `$1$` hash of a password: the cheapest that every server here takes."""
    return must(["/usr/bin/openssl", "passwd", "-1", "-salt", salt, password]).strip()


def mbox(count, size, first=1):
    """An mbox of `count` messages of about `size` bytes each, lines of 72, numbered from `first`; as bytes."""
    line = b"x" * 71 + b"\n"
    out = []
    for n in range(first, first + count):
        head = (f"From s@example.org Fri Nov 20 09:56:12 2026\nReturn-Path: <s@example.org>\nDelivered-To: abc@kvt.dk\n"
                f"Received: from client.example.org (client.example.org [192.0.2.1])\n\tby mail.example.net (Postfix) "
                f"with ESMTP id {n:010d}\n\tfor <abc@kvt.dk>; Fri, 20 Nov 2026 09:56:12 +0000 (UTC)\n"
                f"Message-ID: <{n}@example.org>\nFrom: s@example.org\nTo: abc@kvt.dk\nSubject: number {n}\n"
                f"Date: Fri, 20 Nov 2026 09:56:11 +0000\n\n").encode()
        lines = max(0, size - len(head) - 1) // len(line)
        out += [head, line * lines, b"\n"]
    return b"".join(out)


def write_mbox(path, count, size, owner=None):
    """mbox() as a file, a piece at a time. Returns its size."""
    write(path, b"", 0o600, owner)
    with open(path, "wb") as f:
        for first in range(1, count + 1, 1000):
            f.write(mbox(min(1000, count + 1 - first), size, first))
        return f.tell()
