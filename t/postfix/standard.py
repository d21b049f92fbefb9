#!/usr/bin/python3
"""A standard virtual domain of Postfix's (postfix=yes): its addresses, in a file of the account's, lead where they
say, through a real Postfix, and to nowhere else.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import MESSAGE, House, messages  # noqa: E402
from scratch import read, run, write  # noqa: E402

VIRTUAL = """# the addresses of std.dk
info        abc@kvt.dk
everybody   abc@kvt.dk, {owner},
            xyz@kvt.dk
nested      info@std.dk
postmaster  abc@kvt.dk
webmaster   xyz@kvt.dk
"""
CATCHING = "one  abc@kvt.dk\n@    xyz@kvt.dk\n"
# What a line can hold to reach something that is not the account's; each must leave the addresses as they were.
HOSTILE = ['info  "|/usr/bin/touch {top}/owned"', "info  |/usr/bin/id", "info  /etc/passwd", "info  :include:/etc/shadow",
           "info  {owner}+abc--kvt.dk@virtual.invalid", "info  {owner}+abc--kvt.dk", "info  x@any.invalid",
           "info@other.dk  root", "@other.dk  root", "info  nosuch@std.dk", "info"]


def put(h, domain, text):
    path = os.path.join(h.etc, domain, "virtual")
    write(path + ".t", text, 0o600, h.owner)
    os.rename(path + ".t", path)


def run_maps(h):
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc])
    return r.returncode, (r.stdout + r.stderr).decode()


def keys(h):
    text = read(os.path.join(h.map_folder, "virtual")).decode()
    return dict(l.split("\t", 1) for l in text.splitlines() if l and l[0] != "#")


def sent(h, recipient):
    """The mailboxes that got a message to `recipient`."""
    before = h.all_mail()
    answers, _, _ = h.postfix.send(recipient, MESSAGE)
    h.postfix.wait_empty()
    after = h.all_mail()
    return answers[0][:3], sorted(p for p in after if after[p] != before.get(p, b""))


def addresses(h):
    own = f"home/{h.owner.pw_name}/Mail/mailbox"
    abc, xyz = "spool/kvt.dk/abc", "spool/kvt.dk/xyz"
    for recipient, want in (("info@std.dk", ("250", [abc])), ("INFO@Std.DK", ("250", [abc])), ("info+tag@std.dk", ("250", [abc])),
                            ("everybody@std.dk", ("250", sorted([own, abc, xyz]))), ("nested@std.dk", ("250", [abc])),
                            ("webmaster@std.dk", ("250", [xyz])), ("info@alias.dk", ("250", [abc])),
                            ("info@any.where.std.dk", ("250", [abc])),
                            ("one@all.dk", ("250", [abc])), ("whoever@all.dk", ("250", [xyz])), ('"o d d"@all.dk', ("250", [xyz])),
                            ("nosuch@std.dk", ("550", [])), ('"info+ x"@std.dk', ("250", [abc])), ("nosuch@any.std.dk", ("550", [])),
                            ("one@alias.dk", ("550", [])), ("info@sub.all.dk", ("454", []))):
        equal(f"mail to {recipient}", sent(h, recipient), want)
    equal("postmaster is the host's", keys(h)["postmaster@std.dk"], "postmaster")
    equal("but where root said own=postmaster", keys(h)["postmaster@own.dk"], "abc@kvt.dk")
    check("and then a domain without one has none", "postmaster@own2.dk" not in keys(h), keys(h))


def hostile(h):
    before = keys(h)
    for line in HOSTILE:
        put(h, "std.dk", VIRTUAL.format(owner=h.owner.pw_name) + line.format(owner=h.owner.pw_name, top=h.top) + "\n")
        status, text = run_maps(h)
        check(f"refused, with file and line: {line}", status == 75 and f"{h.etc}/std.dk/virtual, line " in text, text)
        equal("and the addresses stay", keys(h), before)
    put(h, "std.dk", VIRTUAL.format(owner=h.owner.pw_name))
    put(h, "std.dk", VIRTUAL.format(owner=h.owner.pw_name) + "other.dk  root\n")
    equal("a name that looks like a domain is an address of this one", (run_maps(h), keys(h).get("other.dk@std.dk"), keys(h).get("other.dk")),
          ((0, ""), "root", None))
    put(h, "std.dk", VIRTUAL.format(owner=h.owner.pw_name))
    equal("mended, all is well", run_maps(h), (0, ""))
    os.unlink(os.path.join(h.etc, "std.dk", "virtual"))
    status, text = run_maps(h)
    contains("a file that is gone is reported", text, "std.dk/virtual is missing: write it, or take postfix=yes away")
    equal("and nothing is lost by it", (status, keys(h)), (75, before))
    put(h, "std.dk", VIRTUAL.format(owner=h.owner.pw_name))


def commands(h):
    h.must_admin("domain", "add", "new.dk", "--postfix", "--account", h.owner.pw_name)
    path = os.path.join(h.etc, "new.dk", "virtual")
    st = os.stat(path)
    equal("domain add --postfix makes the file, the account's", (st.st_uid, st.st_mode & 0o7777), (h.owner.pw_uid, 0o600))
    equal("and the tables know the domain", run_maps(h), (0, ""))
    put(h, "new.dk", "x root\n")
    equal("an edit is taken up", (run_maps(h), keys(h).get("x@new.dk")), ((0, ""), "root"))
    for words in ("user add y@new.dk --random", "user delete x@new.dk --yes"):
        r = h.admin(*words.split())
        check(f"{words}: refused, with what to do", r.returncode == 1 and b"its addresses are lines of" in r.stderr, r)
    h.must_admin("domain", "delete", "new.dk", "--yes")
    check("deleted, its addresses are gone", not [k for k in keys(h) if k.endswith("new.dk")], keys(h))


def main():
    h = House()
    h.owner = h.account("a")
    h.domain("kvt.dk", h.owner, {"abc": ".", "xyz": "."})
    for name in ("std.dk", "all.dk", "own.dk", "own2.dk"):
        h.domain(name, h.owner, {})
        put(h, name, VIRTUAL.format(owner=h.owner.pw_name))
    put(h, "all.dk", CATCHING)
    put(h, "own2.dk", "# nobody\n")
    write(os.path.join(h.etc, "domains"), "std.dk postfix=yes sub_domains=yes\nalias.dk alias_of=std.dk\nall.dk postfix=yes\n"
          "own.dk postfix=yes own=postmaster\nown2.dk postfix=yes own=postmaster\n")
    h.use_samples()
    h.maps()
    h.start()
    h.postfix.set(home_mailbox="Mail/mailbox")
    os.makedirs(os.path.join(h.owner.pw_dir, "Mail"), exist_ok=True)
    os.chown(os.path.join(h.owner.pw_dir, "Mail"), h.owner.pw_uid, h.owner.pw_gid)
    h.postfix.reload()
    addresses(h)
    hostile(h)
    commands(h)
    equal("each message is stored once", len(messages(h.mailbox("kvt.dk", "abc"))), len({m for m in messages(h.mailbox("kvt.dk", "abc"))}))
    done()


main()
