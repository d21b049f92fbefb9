#!/usr/bin/python3
"""The ways in which Postfix starts virtual-deliver: they all store the same bytes."""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
from house import House, messages, undated  # noqa: E402

TEXT = b"Subject: one of several ways\nMessage-ID: <way@example.org>\nDate: Fri, 20 Nov 2026 10:00:00 +0000\n\nFrom here on\n"


def pipe_sample(h, name, part):
    """The commented lines of a sample for pipe(8), without their `#`, with our account's name."""
    lines = [l[1:] for l in h.sample(name).splitlines() if re.match(part, l)]
    return "\n".join(lines).replace("kvt_dk", h.owner.pw_name) + "\n"


def by_argument(h):
    h.forward(h.owner, "abc", "kvt.dk")


def by_bare_command(h):
    """The form of 2002: the command alone."""
    h.forward(h.owner, "abc", "kvt.dk", f'"|{h.deliver}"\n')


def by_mailbox_command(h):
    for name in os.listdir(h.owner.pw_dir):
        if name.startswith(".forward+"):
            os.unlink(os.path.join(h.owner.pw_dir, name))


def by_pipe(h):
    h.postfix.append("master.cf", pipe_sample(h, "master.cf", r"#virtual-kvt_dk |#    flags="))
    h.postfix.append("main.cf", pipe_sample(h, "main.cf", r"#transport_maps|#virtual-kvt_dk_"))
    h.postfix.reload()


WAYS = [
    (".forward with the address as argument", by_argument, "relay=vlocal, .*delivered to command: {deliver} abc@kvt.dk\\)"),
    (".forward with the bare command", by_bare_command, "relay=vlocal, .*delivered to command: {deliver}\\)"),
    ("mailbox_command", by_mailbox_command, "relay=vlocal, .*delivered to command: {deliver}\\)"),
    ("pipe(8)", by_pipe, "relay=virtual-{account}, .*delivered via virtual-{account} service"),
]


def deliver(h, recipient, want):
    """Send TEXT; returns the one message that came of it, undated, or a description of what else happened."""
    before, old_log = h.all_mail(), len(h.postfix.log())
    h.postfix.send(recipient, TEXT)
    h.postfix.wait_empty()
    after = h.all_mail()
    log = h.postfix.log()[old_log:]
    changed = [p for p in after if after[p] != before.get(p, b"")]
    sent = [l for l in log.splitlines() if "status=" in l]
    if changed != [f"spool/{want}"] or not all(" status=sent " in l for l in sent):
        return changed, log, None
    path = changed[0]
    return changed, log, undated(after[path][len(before.get(path, b"")):])


def one_way(h, sentence, pattern):
    """Every recipient of this way; returns what was stored, for comparison."""
    stored = []
    for recipient, want in (("abc@kvt.dk", "kvt.dk/abc"), ("ABC+Tag@kvt.dk", "kvt.dk/abc"), ("abc@second.dk", "second.dk/abc"),
                            ("abc@kvt.org", "kvt.dk/abc"), ('"any one"@catch.dk', "catch.dk/all")):
        changed, log, new = deliver(h, recipient, want)
        equal(f"{sentence}: {recipient} is stored once, in {want}", (changed, new and len(messages(new))), ([f"spool/{want}"], 1))
        if recipient == "abc@kvt.dk":
            check(f"{sentence}: it came by this way", re.search(pattern, log), log)
        stored.append(new)
    return stored


def own_mail(h):
    """The account's own mail, where virtual-deliver is the host's mailbox_command: no virtual recipient at all."""
    h.postfix.set(mailbox_command=h.deliver)
    h.postfix.reload()
    to = f"{h.owner.pw_name}@localhost"
    before = h.all_mail()
    h.postfix.send(to, TEXT)
    h.postfix.wait_empty()
    new = {p: t for p, t in h.all_mail().items() if t != before.get(p)}
    want = f"home/{h.owner.pw_name}/Mail/mailbox"
    equal("the account's own mail is stored in its own mailbox", list(new), [want])
    got = messages(new.get(want, b""))
    equal("once", len(got), 1)
    check("with the address that it was sent to", got and f"\nDelivered-To: {to}\n".encode() in got[0], got)


def main():
    h = House()
    h.owner = h.account("a")
    h.domain("kvt.dk", h.owner, {"abc": "."})
    h.domain("second.dk", h.owner, {"abc": "."})
    h.domain("catch.dk", h.owner, {"all": "."}, fallback="all")
    with open(h.path("etc", "domains"), "w", encoding="utf-8") as f:
        f.write("kvt.org alias_of=kvt.dk\n")
    h.use_samples()
    h.maps()
    h.start()
    first = None
    for sentence, prepare, pattern in WAYS:
        prepare(h)
        stored = one_way(h, sentence, pattern.format(deliver=re.escape(h.deliver), account=h.owner.pw_name))
        if first is None:
            first = stored
        else:
            equal(f"{sentence}: the same bytes as by the first way", stored, first)
    own_mail(h)
    done()


main()
