#!/usr/bin/python3
"""A main.cf of one's own, without our tables: the lines that --expression prints, put where their comments say, in both flavors. Users get
their mail, all else is refused at RCPT."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House, MESSAGE  # noqa: E402
from scratch import run, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

TAKEN = [  # recipient, whose mailbox
    ("abc@kvt.dk", "abc"),
    ("ANNA@KVT.dk", "anna"),
    ("kvt@x.kvt.dk", "kvt"),
    ("a.b-c@y.z.kvt.dk", "a.b-c"),
]
REFUSED = ["nosuch@kvt.dk", "off@kvt.dk", "ab@kvt.dk", "abcx@kvt.dk", "abc+tag@kvt.dk", "axb-c@kvt.dk", '"abc+ x"@kvt.dk', '"a@b.c"@kvt.dk', "abc@shop.kvt.dk",
           "abc@xkvt.dk", "abc@kvt-dk", "abc@kvt.dk.evil.com", "abc%kvt.dk@kvt.dk", "x!abc@kvt.dk", "nosuch@x.kvt.dk"]


def put_lines(h, flavor):
    """Do as the comments say."""
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc, "--expression", "--flavor", flavor, "kvt.dk"])
    text = r.stdout.decode()
    equal(f"{flavor}: the lines are printed without a word", (r.returncode, r.stderr), (0, b""))
    users, names = h.path("postfix", "virtual_users"), h.path("postfix", "virtual_names")
    named = re.search(r"^#   (/.*/ kvt\.dk)$", text, re.M)[1]
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    write(users, text)
    write(names, "\n".join([named if line.startswith("/") else line for line in lines]) + "\n")
    h.postfix.set(virtual_alias_maps=f"{flavor}:{users}", virtual_alias_domains=f"{flavor}:{names}")


def ask(h, flavor):
    for recipient, user in TAKEN:
        before = h.mailbox("kvt.dk", user)
        _, last, _ = h.postfix.send(recipient, MESSAGE)
        check(f"{flavor}: {recipient} is taken, and leaves the queue", last.startswith("250") and h.postfix.wait_empty(), h.postfix.log()[-1500:])
        check(f"{flavor}: {recipient} is in the mailbox of {user}", len(h.mailbox("kvt.dk", user)) > len(before), h.postfix.log()[-1500:])
    wrong = [(r, h.postfix.rcpt(r)) for r in REFUSED]
    # Debian's Postfix says 454 where it would have to relay.
    equal(f"{flavor}: all else is refused", [w for w in wrong if not w[1].startswith(("550 5.1.1", "454 4.7.1"))], [])


h = House()
a = h.account("a")
h.domain("kvt.dk", a, {u: "" for u in ("abc", "anna", "kvt", "a.b-c", "off")})
os.mkdir(os.path.join(h.etc, "kvt.dk", "users"), 0o700)
write(os.path.join(h.etc, "kvt.dk", "users", "off"), "receive = no\n", 0o600, a)
os.chown(os.path.join(h.etc, "kvt.dk", "users"), a.pw_uid, a.pw_gid)
h.domain("shop.kvt.dk", a, {"me": ""})
write(os.path.join(h.etc, "domains"), "kvt.dk sub_domains=yes\n")
h.maps()
for name in ("abc", "anna", "kvt", "a.b-c"):
    h.forward(a, name, "kvt.dk")
put_lines(h, "pcre")
h.start()
ask(h, "pcre")
put_lines(h, "regexp")
run(["/usr/sbin/postfix", "-c", h.postfix.config, "reload"])
ask(h, "regexp")
done()
