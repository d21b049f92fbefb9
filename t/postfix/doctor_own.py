#!/usr/bin/python3
"""Which addresses doctor takes for the host's own without --addresses: those of its interfaces, alias addresses too, and
those that main.cf names. In a network of this test's own, in which there is nothing but the loopback interface."""
import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from doctor import Doctor  # noqa: E402
from nameserver import NameServer  # noqa: E402
from tap import check, done, equal  # noqa: E402

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, SIOCSIFADDR, IFF_UP = 0x8914, 0x8916, 1

# name, its address record, whether that is this host's (127.0.0.1 by inet_interfaces, 198.51.100.7 by proxy_interfaces)
HOSTS = [("first.example.net", "A", "192.0.2.7", True), ("alias.example.net", "A", "192.0.2.8", True),
         ("six.example.net", "AAAA", "2001:db8::7", True), ("behind.example.net", "A", "198.51.100.7", True),
         ("named.example.net", "A", "127.0.0.1", True), ("far.example.net", "A", "192.0.2.9", False),
         ("far6.example.net", "AAAA", "2001:db8::9", False)]


def own_network():
    """Of this thread alone, and of what it starts: lo with two addresses, another beside them, and one of IPv6."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))
        for name, address in ((b"lo:1", "192.0.2.7"), (b"lo:2", "192.0.2.8")):
            fcntl.ioctl(s, SIOCSIFADDR, struct.pack("16sHH4s16x", name, socket.AF_INET, 0, socket.inet_aton(address)))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFADDR, struct.pack("16sIi", socket.inet_pton(socket.AF_INET6, "2001:db8::7"), 128, socket.if_nametoindex("lo")))


def test(d):
    own_network()
    n = NameServer({(name, kind): [address] for name, kind, address, _ in HOSTS})
    for i, (name, _, _, _) in enumerate(HOSTS):
        n.zone[(f"d{i}.dk", "MX")] = [(10, name)]

    def led_elsewhere():
        status, out, err = d.run("--json", "--resolver", n.address, "--smtp-port", "0", "--pop3-port", "0", "--all")
        check("doctor runs", status in (1, 2) and not err, f"{status} {err}")
        return {f["object"] for f in json.loads(out) if f["id"] == "mx" and "does not lead to this host" in f["text"]}

    equal("an MX may lead to any address of an interface, and to one that main.cf names, and to no other", led_elsewhere(),
          {f"d{i}.dk" for i, row in enumerate(HOSTS) if not row[3]})
    d.house.postfix.set(proxy_interfaces="")
    equal("without proxy_interfaces that one is another host's", led_elsewhere(),
          {f"d{i}.dk" for i, row in enumerate(HOSTS) if not row[3] or row[0].startswith("behind")})


def main():
    d = Doctor()
    for i in range(len(HOSTS)):
        d.house.domain(f"d{i}.dk", d.a, {"abc": ""})
    d.house.postfix.set(proxy_interfaces="198.51.100.7")
    d.house.maps()
    with ThreadPoolExecutor(1) as thread:
        thread.submit(test, d).result()
    done()


main()
