"""nameserver.py: a name server on loopback that says what a test tells it to, right or wrong, by UDP and TCP.

    n = NameServer({("kvt.dk", "MX"): [(10, "mail.example.net")], ("mail.example.net", "A"): ["127.0.0.1"]})
    n.faults["bad.dk"] = "servfail"      # for every question about that name
    n.port, n.asked
"""
import ipaddress
import random
import socket
import struct
import threading

from scratch import at_end

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
NAMES = {v: k for k, v in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def name_bytes(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p) + b"\0"


def rdata(kind, value):
    if isinstance(value, bytes):
        return value
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        return struct.pack(">H", value[0]) + name_bytes(value[1])
    if kind == "TXT":
        text = value.encode()
        return b"".join(bytes([len(text[i:i + 255])]) + text[i:i + 255] for i in range(0, max(1, len(text)), 255))
    return name_bytes(value)


class NameServer:
    def __init__(self, zone):
        self.zone, self.faults, self.asked = dict(zone), {}, []
        while True:  # one port for both
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket()
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(64)
        for work in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=work, daemon=True).start()
        at_end(self.udp.close)
        at_end(self.tcp.close)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _serve_udp(self):
        while True:
            try:
                data, peer = self.udp.recvfrom(65536)
            except OSError:
                return
            reply = self.reply(data, False)
            if reply is not None:
                self.udp.sendto(reply, peer)

    def _serve_tcp(self):
        while True:
            try:
                s, _ = self.tcp.accept()
            except OSError:
                return
            with s:
                s.settimeout(10)
                try:
                    size = struct.unpack(">H", s.recv(2))[0]
                    reply = self.reply(s.recv(size), True)
                    if reply is not None:
                        s.sendall(struct.pack(">H", len(reply)) + reply)
                except (OSError, struct.error):
                    pass

    def records(self, name, kind):
        """(owner, type, rdata) of the answer, CNAMEs in front; and whether the last name is there."""
        found = []
        for _ in range(8):
            alias = self.zone.get((name, "CNAME"))
            if not alias or kind == "CNAME":
                break
            found.append((name, "CNAME", rdata("CNAME", alias[0])))
            name = alias[0]
        found += [(name, kind, rdata(kind, v)) for v in self.zone.get((name, kind), [])]
        exists = any(n == name or n.endswith("." + name) for n, _ in self.zone)
        return found, exists or bool(found)

    def reply(self, query, by_tcp):
        ident, labels, at = query[:2], [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
            at += 1 + query[at]
        question = query[12:at + 5]
        name, kind = ".".join(labels).lower(), NAMES.get(struct.unpack(">H", query[at + 1:at + 3])[0], "?")
        self.asked.append((name, kind, by_tcp))
        fault = self.faults.get((name, kind), self.faults.get(name))
        if fault == "silent":
            return None
        if fault == "garbage":
            return ident + b"\x80" + random.Random(7).randbytes(40)
        found, exists = self.records(name, kind)
        code = {"servfail": SERVFAIL, "refused": REFUSED}.get(fault, NOERROR if exists else NXDOMAIN)
        flags = 0x8180 | code
        if fault == "wrong id":
            ident = bytes([ident[0] ^ 0x55, ident[1]])
        if fault == "cut" or fault == "loop":
            # a record whose name points at itself, or whose end is missing
            body = b"\xc0" + bytes([len(question) + 12]) + struct.pack(">HHIH", TYPES.get(kind, 1), 1, 60, 200 if fault == "cut" else 4)
            return ident + struct.pack(">HHHHH", flags, 1, 1, 0, 0) + question + body + b"\0\0\0\0"
        if fault == "huge":
            found = found + [(name, kind, rdata("TXT", "x" * 200))] * 200 if kind == "TXT" else found
        answer = b"".join(name_bytes(o) + struct.pack(">HHIH", TYPES[k], 1, 60, len(d)) + d for o, k, d in found)
        message = struct.pack(">HHHHH", flags, 1, len(found), 0, 0) + question + answer
        if not by_tcp and (fault == "truncated" or len(message) > 500):
            message = struct.pack(">HHHHH", flags | 0x0200, 1, 0, 0, 0) + question
        return ident + message
