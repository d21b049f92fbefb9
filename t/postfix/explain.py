#!/usr/bin/python3
"""postfix-virtual explain says what Postfix does: every answer is compared with RCPT and with where the mail ends."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
from house import House, MESSAGE  # noqa: E402
from scratch import write  # noqa: E402

ADDRESSES = """abc@kvt.dk ABC@KVT.DK abc+tag@kvt.dk "abc+ y"@kvt.dk abc+x--other.dk@kvt.dk nosuch@kvt.dk nosuch+abc@kvt.dk "abc x"@kvt.dk off@kvt.dk
    postmaster@kvt.dk abc@kvt.org nosuch@kvt.org abc@a.b.kvt.dk abc+tag@a.kvt.dk nosuch@a.kvt.dk abc@a.kvt.org sales-77@kvt.dk sales-77@kvt.org sales-@kvt.dk
    sales-77@a.kvt.dk any@catch.dk "a,b"@catch.dk abc@catch.dk abc@shop.kvt.dk me@shop.kvt.dk me@a.shop.kvt.dk hand@kvt.dk abc@other.dk""".split("\n")
ADDRESSES = [a for line in ADDRESSES for a in line.replace('"abc x"', '"abc\0x"').replace('"abc+ y"', '"abc+\0y"').split()]

h = House()
a = h.account("a")
h.domain("kvt.dk", a, {"abc": "", "sales": "", "off": ""})
h.domain("catch.dk", a, {"abc": "", "rest": ""}, fallback="rest")
h.domain("shop.kvt.dk", a, {"me": ""})
h.domain("other.dk", a, {"abc": ""})
write(os.path.join(h.etc, "kvt.dk", "aliases"), "/^sales-([a-z0-9]+)$/: sales\n", 0o600, a)
os.mkdir(os.path.join(h.etc, "kvt.dk", "users"), 0o700)
os.chown(os.path.join(h.etc, "kvt.dk", "users"), a.pw_uid, a.pw_gid)
write(os.path.join(h.etc, "kvt.dk", "users", "off"), "receive = no\n", 0o600, a)
write(os.path.join(h.etc, "domains"), "kvt.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\n")
h.postfix.append("main.cf", f"virtual_alias_maps = texthash:{h.postfix.config}/virtual\nrecipient_delimiter = +\n")
write(os.path.join(h.postfix.config, "virtual"), "hand@kvt.dk abc@kvt.dk\n")
h.must_admin("setup", "--yes")
h.start()


def told(address):
    r = h.admin("explain", address, "--json")
    return json.loads(r.stdout) if r.returncode == 0 else {"result": r.stderr.decode()}


def ends_in(address):
    """Send to it; the mailboxes that grew."""
    before = h.all_mail()
    h.postfix.send(address, MESSAGE)
    check(f"mail for {address} leaves the queue", h.postfix.wait_empty(), h.postfix.log()[-1500:])
    after = h.all_mail()
    return [p for p in after if after[p] != before.get(p, b"")]


for address in ADDRESSES:
    address = address.replace("\0", " ")
    code, answer = h.postfix.rcpt(address)[:3], told(address)
    if answer["result"].startswith("delivered"):
        equal(f"{address}: delivered, and RCPT takes it", code, "250")
        equal(f"{address}: and there it ends", ends_in(address), [os.path.relpath(answer["mailbox"], h.top)])
    elif answer["result"] == "handed on":
        equal(f"{address}: handed on, and RCPT takes it", code, "250")
    else:
        check(f"{address}: refused, and so says RCPT", code in ("550", "454"), f"{code}, {answer}")

equal("a tag where main.cf has no recipient_delimiter is refused", (
    h.postfix.append("main.cf", "recipient_delimiter =\n"), h.postfix.reload(), told("abc+tag@kvt.dk")["result"], h.postfix.rcpt("abc+tag@kvt.dk")[:3])[2:],
      ("refused", "550"))
done()
