#!/usr/bin/python3
"""Letters that fold to letters of ASCII: what smtpd takes with them is delivered, and bounces to nobody.

smtpd folds an address before it asks the tables, the cleanup daemon asks expressions for it as it was written. And aliases with letters of
any script: what we take for folded is what Postfix folds to."""
import os
import random
import sys
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
from house import House, MESSAGE  # noqa: E402
from scratch import run, write  # noqa: E402

KELVIN, LONG_S, SHARP_S, BIG_SHARP_S, FF, FFI, ST = "\u212a", "\u017f", "\xdf", "\u1e9e", "\ufb00", "\ufb03", "\ufb06"
h = House()
a = h.account("a")
h.domain("kvt.dk", a, {u: "" for u in ("abc", "kvt", "sales", "strasse", "office")})
h.domain("kaffestue.dk", a, {"abc": ""})
h.domain("shop.kvt.dk", a, {"me": ""})
write(os.path.join(h.etc, "kvt.dk", "aliases"), "/^sales-([a-z0-9]+)$/: sales\n/^boss(k?)$/: ab${1}c\n/^office[0-9]{1,2}(st|x)$/: office\n", 0o600, a)
write(os.path.join(h.etc, "domains"), "kvt.dk sub_domains=yes\nkaffestue.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\n")
h.use_samples()
h.maps()
h.start()

CASES = [  # recipient, whose mailbox; None: refused
    (f"abc@s.{KELVIN}vt.dk", "kvt.dk/abc"),
    (f"{KELVIN}vt@s.kvt.dk", "kvt.dk/kvt"),
    (f"{KELVIN}VT@{KELVIN}.{KELVIN}VT.DK", "kvt.dk/kvt"),
    (f"abc+{KELVIN}@s.kvt.dk", "kvt.dk/abc"),
    (f"abc+{SHARP_S}@s.kvt.dk", "kvt.dk/abc"),
    (f"stra{SHARP_S}e@s.kvt.dk", "kvt.dk/strasse"),
    (f"STRA{BIG_SHARP_S}E@s.kvt.dk", "kvt.dk/strasse"),
    (f"o{FFI}ce@s.kvt.dk", "kvt.dk/office"),
    (f"o{FF}ice@s.kvt.org", "kvt.dk/office"),
    (f"abc@s{SHARP_S}.kvt.dk", "kvt.dk/abc"),
    (f"abc@x.ka{FF}estue.dk", "kaffestue.dk/abc"),
    (f"abc@x.kaffe{ST}ue.dk", "kaffestue.dk/abc"),
    (f"abc@x.{KELVIN}a{FF}e{LONG_S}tue.dk", "kaffestue.dk/abc"),
    (f"sale{LONG_S}-7@kvt.dk", "kvt.dk/sales"),
    (f"sales-{KELVIN}{SHARP_S}@kvt.dk", "kvt.dk/sales"),
    (f"sales-7@{KELVIN}vt.org", "kvt.dk/sales"),
    (f"bo{SHARP_S}@kvt.dk", "kvt.dk/abc"),
    (f"office12{ST}@kvt.dk", "kvt.dk/office"),
    (f"{KELVIN}vt@{KELVIN}vt.dk", "kvt.dk/kvt"),
    (f"nosuch{KELVIN}@s.kvt.dk", None),
    (f"abc@s.shop.{KELVIN}vt.dk", None),
    (f"abc@{LONG_S}hop.kvt.dk", None),
    (f"sales-{KELVIN}@s.kvt.dk", None),
    ("\xe9@s.kvt.dk", None),
    ("abc@\xe9.kvt.dk", None),
    (f"abc@s.x{KELVIN}vt.dk", None),
]

for recipient, want in CASES:
    for how in ("", "SMTPUTF8"):
        before = h.all_mail()
        h.postfix.send(recipient.encode(), MESSAGE, mail_options=how)
        check(f"{recipient}, {how or '8-bit'}: the queue is empty", h.postfix.wait_empty(), h.postfix.log()[-1500:])
        after = h.all_mail()
        changed = [p for p in after if after[p] != before.get(p, b"")]
        equal(f"{recipient}, {how or '8-bit'}: {want or 'refused'}", changed, [f"spool/{want}"] if want else [])
    code = h.postfix.rcpt(recipient)[:3]
    check(f"{recipient}: so RCPT says", code == "250" if want else code[0] in "45", code)
equal("nothing bounced", h.postfix.log_lines("status=bounced"), [])


def letters():
    """Every letter that has a case by Unicode, what it is folded to, and some hundred others."""
    every = [chr(n) for n in range(0x80, 0x20000) if unicodedata.category(chr(n))[0] == "L"]
    cased = [c for c in every if c.casefold() != c]
    return sorted({*cased, *(c.casefold() for c in cased), *random.Random(1).sample(every, 500)})


def all_letters():
    """Each in the name of an alias, which leads to one of a hundred users: a wrong answer would most likely be another's."""
    names = ["n" + c for c in letters()]
    users = {n: f"u{i % 100}" for i, n in enumerate(names)}
    h.domain("letters.dk", a, {f"u{i}": "" for i in range(100)})
    write(os.path.join(h.etc, "letters.dk", "aliases"), "".join(f"{n}: {u}\n" for n, u in users.items()), 0o600, a)
    said = run([f"{h.bin}/make-postfix-maps", "-c", h.etc, "--check", "letters.dk"]).stdout.decode().splitlines()
    refused = {int(l.partition("aliases, line ")[2].partition(":")[0]): l.rpartition("write `")[2].rstrip("`") for l in said}
    plain = lambda s: "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in s)
    want = {i + 1: plain(n.casefold()) for i, n in enumerate(names) if n.casefold() != n}
    equal(f"of {len(names)} names with letters of any script those that are folded differently are refused, with the right one",
          sorted(set(refused.items()) ^ set(want.items())), [])
    run([f"{h.bin}/make-postfix-maps", "-c", h.etc, "letters.dk"])
    asked = "".join(n + "@letters.dk\n" for n in names).encode()
    r = run(["/usr/sbin/postmap", "-c", h.postfix.config, "-q", "-", f"lmdb:{h.map_folder}/virtual"], asked)
    got = dict(l.split("\t") for l in r.stdout.decode().splitlines())
    # One of ASCII alone travels by its own name.
    leads_to = lambda n: n if n.isascii() else users[n]
    wrong = [(n, got.get(n + "@letters.dk")) for n in names
             if got.get(n + "@letters.dk") != f"{a.pw_name}+{leads_to(n.casefold())}--letters.dk@virtual.invalid"]
    equal("and Postfix finds each, however it is written, where its folded form leads", (wrong[:20], r.stderr), ([], b""))


all_letters()
done()
