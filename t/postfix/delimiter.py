#!/usr/bin/python3
"""A host whose recipient_delimiter is not ours: tags behind `-` and `=` reach their users, and names with a `-` stay whole."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import House, MESSAGE, messages  # noqa: E402
from scratch import write  # noqa: E402

h = House("recipient_delimiter = -=+\n")
h.write_settings(recipient_delimiter="-=+")
a = h.account("a")
h.domain("kvt.dk", a, {"abc": "", "abc-def": "", "x": ""})
h.domain("my-domain.dk", a, {"abc": ""})
h.domain("my.dk", a, {"abc": "", "rest": ""}, fallback="rest")
h.forward(a, "abc", "kvt.dk")
write(f"{h.etc}/kvt.dk/aliases", "abc=vip: x\nabc+vip: x\nx-list: abc\n", 0o600, a)
h.use_samples()
h.maps()
h.start()

CASES = [  # recipient, whose mailbox
    ("abc@kvt.dk", "kvt.dk/abc"),
    ("abc-tag@kvt.dk", "kvt.dk/abc"),
    ("abc-a-b@kvt.dk", "kvt.dk/abc"),
    ("abc=tag@kvt.dk", "kvt.dk/abc"),
    ("abc-def@kvt.dk", "kvt.dk/abc-def"),
    ("abc-def=tag@kvt.dk", "kvt.dk/abc"),  # Postfix cuts at the first
    ("abc-tag@my-domain.dk", "my-domain.dk/abc"),
    ("abc--domain.dk@my-domain.dk", "my-domain.dk/abc"),
    ("abc+a-b@kvt.dk", "kvt.dk/abc"),
    ("abc-a+b@kvt.dk", "kvt.dk/abc"),
    ("abc-x--my.dk@kvt.dk", "kvt.dk/abc"),
    ("abc--kvt.dk@my.dk", "my.dk/abc"),
    ('"abc- y"@kvt.dk', "kvt.dk/abc"),
    ("abc-tag@my.dk", "my.dk/abc"),
    ("abc=vip@kvt.dk", "kvt.dk/x"),
    ("ABC=Vip@kvt.dk", "kvt.dk/x"),
    ("abc+vip@kvt.dk", "kvt.dk/x"),
    ("abc-vip@kvt.dk", "kvt.dk/abc"),
    ("abc=vip-a@kvt.dk", "kvt.dk/abc"),
    ("x-list@kvt.dk", "kvt.dk/abc"),
    ("x-other@kvt.dk", "kvt.dk/x"),
    ("abc-domain.dk@my.dk", "my.dk/abc"),
    ("nosuch-tag@my.dk", "my.dk/rest"),
]

for recipient, want in CASES:
    before = h.all_mail()
    answer = h.postfix.rcpt(recipient)
    equal(f"{recipient} is taken at RCPT", answer[:3], "250")
    h.postfix.send(recipient, MESSAGE)
    check(f"{recipient} leaves the queue", h.postfix.wait_empty(), h.postfix.log()[-1500:])
    after = h.all_mail()
    changed = [p for p in after if after[p] != before.get(p, b"")]
    equal(f"{recipient} reaches {want} alone", changed, [f"spool/{want}"])
    contains(f"{recipient} stands in it as it was written", messages(h.mailbox(*want.split("/")))[-1],
             b"Delivered-To: " + recipient.encode() + b"\n")

# Where the host has no delimiter, only the alias itself has one.
h.postfix.set(recipient_delimiter="")
h.postfix.reload()
for recipient, want in (("abc+vip@kvt.dk", "250"), ("abc=vip@kvt.dk", "250"), ("abc+x@kvt.dk", "550"), ("x-list@kvt.dk", "250")):
    equal(f"without a recipient_delimiter, {recipient}: {want}", h.postfix.rcpt(recipient)[:3], want)
before = len(messages(h.mailbox("kvt.dk", "x")))
for recipient in ("abc+vip@kvt.dk", "abc=vip@kvt.dk"):
    h.postfix.send(recipient, MESSAGE)
check("the queue runs empty", h.postfix.wait_empty(), h.postfix.log()[-1500:])
equal("and both reach its target", len(messages(h.mailbox("kvt.dk", "x"))), before + 2)
h.postfix.set(recipient_delimiter="-=+")
h.postfix.reload()

for recipient in ("nosuch-tag@kvt.dk", "nosuch--kvt.dk@kvt.dk"):
    equal(f"{recipient} is refused", h.postfix.rcpt(recipient)[:3], "550")

done()
