#!/usr/bin/python3
"""A host whose main.cf was written in 2002: the old name virtual_maps, relay_domains with names above ours and the
default of then, commands allowed in .forward files only, mailboxes in homes. Our mail comes in, its own stays as it is.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import must, read, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

MAIN_CF = """\
virtual_maps = hash:{top}/postfix/virtual
relay_domains = $mydestination relayed.example
transport_maps = inline:{{relayed.example=discard:}}
home_mailbox = Mail/mailbox
allow_mail_to_commands = forward
allow_mail_to_files = forward
"""
HAND_MADE = ("hand.example", "info@hand.example", "pipe@localhost", "x@relayed.example", "x@sub.relayed.example")


def rcpts(h, recipients):
    return [h.postfix.rcpt(r)[:9] for r in recipients]


def own_mail(h, owner, stage):
    """What becomes of the host's own mail: a mailbox below a home, a command in aliases that may not run."""
    for name in ("info@hand.example", "pipe@localhost"):
        h.postfix.send(name, f"Subject: {stage}\n\nx\n".encode())
    h.postfix.wait_empty()
    contains(f"{stage}: mail of a hand-made domain is in Mail/mailbox", read(f"{owner.pw_dir}/Mail/mailbox"), f"Subject: {stage}\n".encode())
    check(f"{stage}: commands in aliases are off, as this host has it", not os.path.exists(h.path("piped")) and
          h.postfix.wait_log("pipe@", "mail to command is restricted"), h.postfix.log())


def main():
    h = House()
    owner = h.account("own")
    os.mkdir(f"{owner.pw_dir}/Mail")
    os.chown(f"{owner.pw_dir}/Mail", owner.pw_uid, owner.pw_gid)
    h.postfix.append("main.cf", MAIN_CF.format(top=h.top))
    write(h.path("postfix", "virtual"), f"hand.example x\ninfo@hand.example {owner.pw_name}\n")
    write(h.path("postfix", "aliases"), f"pipe \"|/usr/bin/touch {h.path('piped')}\"\n")
    must(["/usr/sbin/postmap", "-c", h.postfix.config, "hash:" + h.path("postfix", "virtual")])
    h.postfix.set(recipient_delimiter="+-")
    h.start()
    conf = read(f"{h.etc}/virtual.conf")
    files = lambda: [read(f"{h.postfix.config}/{n}") for n in ("main.cf", "master.cf")]
    before, answers = files(), rcpts(h, HAND_MADE)
    equal("the host has its own mail", answers[1:], ["250 2.1.5"] * 4)
    own_mail(h, owner, "before")
    h.must_admin("setup", "--yes")
    contains("virtual.conf says what stands before a tag here", read(f"{h.etc}/virtual.conf"), b"\nrecipient_delimiter = +-\n")
    contains("the old name is kept in the list", h.postfix.value("virtual_alias_maps"), "$virtual_maps, lmdb:")
    a = h.account("a")
    for domain in ("kvt.dk", "shop.relayed.example"):
        h.must_admin("domain", "add", domain, "--account", a.pw_name)
        h.must_admin("user", "add", f"abc@{domain}", "--random")
    h.postfix.reload()  # setup did, but a daemon may answer once more as it was
    for domain in ("kvt.dk", "shop.relayed.example"):
        equal(f"{domain}: a user is accepted, nobody else", rcpts(h, [f"abc@{domain}", f"nosuch@{domain}"]), ["250 2.1.5", "550 5.1.1"])
        h.postfix.send(f"abc@{domain}", b"Subject: ours\n\nx\n")
        check(f"{domain}: mail is delivered", h.postfix.wait_empty() and b"Subject: ours\n" in h.mailbox(domain, "abc"), h.postfix.log())
    h.postfix.send("abc-tag@kvt.dk", b"Subject: tagged\n\nx\n")
    check("mail with a tag behind the other delimiter too", h.postfix.wait_empty() and b"Subject: tagged\n" in h.mailbox("kvt.dk", "abc"), h.postfix.log())
    r = h.admin("domain", "add", "relayed.example", "--account", a.pw_name)
    check("what stands in relay_domains itself is refused, with the mend", r.returncode == 1 and b"relay_domains" in r.stderr, r)
    equal("the host's own addresses are answered as before", rcpts(h, HAND_MADE), answers)
    own_mail(h, owner, "after")
    h.must_admin("domain", "set", "shop.relayed.example", "sub_domains=yes")
    h.postfix.reload()
    equal("a sub-domain of ours below a relayed name is ours", rcpts(h, ["abc@x.shop.relayed.example", "no@x.shop.relayed.example"]), ["250 2.1.5", "550 5.1.1"])
    h.must_admin("setup", "--undo", "--yes")
    equal("undo leaves main.cf and master.cf byte for byte as before", files(), before)
    equal("and virtual.conf", read(f"{h.etc}/virtual.conf"), conf)
    done()


main()
