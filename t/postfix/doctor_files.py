#!/usr/bin/python3
"""postfix-virtual doctor on a real Postfix, the files: each fault is made, is found with its place and
its mend, is mended, and is gone.
"""
import os
import shutil
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from doctor import HASH, Doctor, added, aside, mode, own  # noqa: E402
from scratch import read, run, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

d = Doctor()
h, a = d.house, d.a


def files():
    uid = a.pw_uid
    make, mend = mode(f"{h.etc}/domains", 0o666)
    make()
    d.find("domains that others may write", "critical", h.etc, "etc/domains has mode 0666")
    mend()
    for path, to, severity in ((f"{h.etc}/domains", 0o666, "critical"), (h.map_folder, 0o777, "critical"), (f"{h.map_folder}/virtual", 0o660, "critical"),
                               (h.path("state"), 0o755, "warning"), (h.path("state", "history", "kvt.dk"), 0o662, "critical")):
        make, mend = mode(path, to)
        d.fault(f"{os.path.relpath(path, h.top)} with mode {to:o}", make, mend, severity, path, f"its mode is {to:04o}.*: chmod 0[0-7]+ {re.escape(path)}", alone=False)
        make()
        status, out, _ = d.run("--fix")
        check(f"--fix mends {os.path.relpath(path, h.top)}", (status, out.splitlines()[-1]) == (0, "ok: 3 domains") and f"done: chmod 0{os.stat(path).st_mode & 0o777:o} {path}" in out, out)
        mend()
    d.fault("a table's text that is an account's", *own(f"{h.map_folder}/virtual_domains", uid), "critical", f"{h.map_folder}/virtual_domains",
          rf"belongs to uid {uid} and must be root's", alone=False)
    d.fault("a domain's folder that others may write", *mode(f"{h.etc}/two.dk", 0o770), "critical", "two.dk", "chmod go-w", alone=False)
    d.fault("no folder for mail", *aside(f"{h.spool}/two.dk"), "critical", "two.dk", "its mail is deferred: install -d -m 0700")
    # Its keys stay as they were then, too: whether responders lie there cannot be seen.
    d.fault("somebody else's folder for mail", *own(f"{h.spool}/two.dk", d.b.pw_uid), "critical", "two.dk", "not to its account.*chown -R", alone=False)
    d.fault("an open folder for mail", *mode(f"{h.spool}/two.dk", 0o777), "critical", "two.dk", "has mode 0777.*chmod go-w")
    d.fault("no delivery program", *aside(f"{h.bin}/virtual-deliver"), "critical", f"{h.bin}/virtual-deliver", "cannot be run")
    write(h.path("state", "pending", "kvt.dk"), "x\n", 0o600)
    d.find("a change that was begun", "warning", "kvt.dk", "was begun and not ended")
    os.unlink(h.path("state", "pending", "kvt.dk"))
    d.well("no change that was begun")
    # a user whose maker was killed when the mark was there
    for when in range(1, 30):
        run(["/usr/bin/strace", "-f", "-o", "/dev/null", "-e", f"inject=renameat,renameat2:signal=KILL:when={when}", f"{h.bin}/postfix-virtual", "-c", h.etc,
             "user", "add", "cut@kvt.dk", "--hash", HASH])
        if os.path.exists(h.path("state", "pending", "kvt.dk")):
            break
    d.find("a change that was cut off", "warning", "kvt.dk", "was begun and not ended")
    status, out, err = d.run("--fix")
    check("--fix finishes it", (status, err) == (0, "") and out.endswith("ok: 3 domains\n") and "the changes that were begun are finished" in out, (status, out, err))
    check("and the user is there, or is not, whole", (b"cut:" in read(f"{h.etc}/kvt.dk/passwd")) == (b"cut@kvt.dk" in read(f"{h.map_folder}/virtual")))
    h.admin("user", "delete", "cut@kvt.dk", "--yes")
    d.well("without it again")


def forwards():
    home = a.pw_dir
    path = os.path.join(home, ".forward+abc--kvt.dk")
    text = read(path)
    make, mend = aside(path)
    make()
    d.well("a missing .forward file is no fault")
    mend()
    nobody = os.path.join(home, ".forward+nosuch--kvt.dk")
    d.fault("a .forward file of nobody", *added(nobody, text, 0o600, a), "warning", "nosuch@kvt.dk", rf"{re.escape(nobody)} is of no user: remove it")
    for sentence, name in (("with a tag", "abc+tag--kvt.dk"), ("of a sub-domain", "abc--y.z.kvt.dk"), ("of a catch-all", "--kvt.dk"),
                           ("of the account itself", "tag"), ("of another host's domain", "abc--elsewhere.dk")):
        make, mend = added(os.path.join(home, ".forward+" + name), text, 0o600, a)
        make()
        d.well(f"a .forward file {sentence} is nobody's business")
        mend()
    d.fault("one that all may write", *mode(path, 0o666), "warning", "abc@kvt.dk", "Postfix passes it by.*writable by all: chmod 600")
    os.chmod(path, 0o666)
    equal("--fix mends it as the account", d.run("--fix"), (0, f"done: chmod 0600 {path}\nok: 3 domains\n", ""))
    equal("its mode", oct(os.stat(path).st_mode & 0o777), "0o600")
    d.fault("another's", *own(path, d.b.pw_uid), "warning", "abc@kvt.dk", "belongs to another user")

    def replace(how):
        os.rename(path, path + ".aside")
        how()

    def restore():
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        os.rename(path + ".aside", path)
    for sentence, how, part in (
            ("a symlink", lambda: os.symlink(path + ".aside", path), "is a symlink"), ("a folder", lambda: os.mkdir(path), "is no regular file"),
            ("a FIFO", lambda: os.mkfifo(path), "is no regular file"), ("empty", lambda: write(path, "", 0o600, a), "says nothing"),
            ("with comments alone", lambda: write(path, "# x\n\n", 0o600, a), "says nothing"),
            ("with two lines", lambda: write(path, text + text, 0o600, a), "has several lines"),
            ("for another user", lambda: write(path, text.replace(b"abc@kvt.dk", b"abc@two.dk"), 0o600, a), "delivers to abc@two.dk instead: write abc@kvt.dk"),
            ("of 2002", lambda: write(path, '"|/usr/local/bin/virtual abc@kvt.dk"\n', 0o600, a), None),
            ("that does something else", lambda: write(path, "/home/x/Mail/mailbox\n", 0o600, a), None)):
        replace(how)
        if part:
            d.find(f"one that is {sentence}", "warning", "abc@kvt.dk", part)
        elif "else" in sentence:
            d.find(f"one {sentence}", "note", "abc@kvt.dk", "does something else: `/home/x/Mail/mailbox`")
            equal("which is a note, and no warning", d.run(), (0, "ok: 3 domains, 1 note (--json prints them)\n", ""))
        else:
            d.well(f"one {sentence} is as good")
        restore()
    d.well("all .forward files as they were")
    d.fault("a home that others may write", *mode(home, 0o777), "warning", a.pw_name, "so others could put .forward files there")
    d.fault("no home", *aside(home), "critical", a.pw_name, "cannot be used")


def users():
    passwd = f"{h.etc}/kvt.dk/passwd"
    before = read(passwd)

    def put(field):
        return lambda: write(passwd, before.replace(HASH.encode(), field), 0o600, a)
    back = lambda: write(passwd, before, 0o600, a)  # noqa: E731
    d.fault("no password", put(b""), back, "warning", "kvt.dk", rf"{re.escape(passwd)}, line 2: user abc has no password")
    d.fault("a password in plain text", put(b"secret"), back, "warning", "kvt.dk", "line 2: the password of abc is no hash")
    check("the password itself is never shown", "secret" not in (put(b"secret")() and "") + d.run("--json")[1])
    h.write_settings(plain_text_passwords="yes")
    d.find("where plain text is taken", "warning", "kvt.dk", "stands in plain text.*user password kvt.dk --hash-all")
    h.write_settings(plain_text_passwords="no")
    for good in (b"*", b"!x", b"x"):
        put(good)()
        d.well(f"`{good.decode()}` is no password, and none is meant")
    back()
    make, mend = mode(passwd, 0o644)
    make()
    d.well("hashes behind a closed folder")
    make_folder, mend_folder = mode(os.path.dirname(passwd), 0o755)
    d.fault("hashes that others can read", make_folder, lambda: (mend(), mend_folder()), "warning", "kvt.dk", rf"{re.escape(passwd)} has mode 0644.*chmod 600")
    d.fault("two names that smtpd folds into one", lambda: write(passwd, before + f"Abc:*:{a.pw_uid}:{a.pw_gid}::.:\n".encode(), 0o600, a), back, "critical", "kvt.dk",
          rf"{re.escape(passwd)}, line 3: Abc stands in line 2 already: remove one", alone=False)
    limits()
    both = f"abc--two:*:{a.pw_uid}:{a.pw_gid}::.:\n"
    # abc--two@kvt.dk and abc@two--kvt.dk would be one name to Postfix
    h.must_admin("domain", "add", "two--kvt.dk", "--account", a.pw_name)
    h.must_admin("user", "add", "abc@two--kvt.dk", "--hash", HASH)
    write(passwd, before + both.encode(), 0o600, a)
    status, out, _ = d.run("--json")
    check("two names that are one to Postfix", "abc--two" in out and status == 2, out)
    back()
    h.must_admin("domain", "delete", "two--kvt.dk", "--yes")
    d.well("and without the one")


def limits():
    """Root's limit, and what the domain's files make of it."""
    folder, domains = f"{h.etc}/kvt.dk", f"{h.etc}/domains"
    before = read(domains)
    h.must_admin("domain", "set", "kvt.dk", "max_quota=500M")
    d.find("a user without a limit", "warning", "kvt.dk", rf"no limit holds for abc \(1 in all\), though max_quota=500M stands in {re.escape(domains)}: postfix-virtual domain set kvt.dk quota=500M$")
    for text in ("quota = 500M\n", "quota_messages = 7\n", "domain_quota = 1G\n"):
        write(f"{folder}/domain.conf", text, 0o600, a)
        d.well(f"domain.conf says {text.strip()}, so max_quota holds")
    write(f"{folder}/domain.conf", "quota = 600M\n", 0o600, a)
    d.find("more than root allows", "warning", "kvt.dk", rf"abc has quota=600M \(1 in all\), but max_quota=500M in {re.escape(domains)} is what counts: postfix-virtual domain set kvt.dk quota=500M$")
    write(f"{folder}/domain.conf", "quota = 5M\n", 0o600, a)
    os.makedirs(f"{folder}/users", 0o700, exist_ok=True)
    os.chown(f"{folder}/users", a.pw_uid, a.pw_gid)
    d.fault("more than root allows, in his own file", *added(f"{folder}/users/abc", "quota = 600M\n", owner=a), "warning", "kvt.dk", "abc has quota=600M .*: postfix-virtual user set abc@kvt.dk quota=500M$")
    d.fault("no limit, in his own file", *added(f"{folder}/users/abc", "quota = NOQUOTA\n", owner=a), "warning", "kvt.dk", "no limit holds for abc .*: postfix-virtual user set abc@kvt.dk quota=500M$")
    os.unlink(f"{folder}/domain.conf")
    write(domains, before)
    d.well("without max_quota nobody needs a limit")


def mailboxes():
    """A mailbox into which virtual-deliver writes nothing."""
    h.hand_over(a, "abc@kvt.dk", b"Subject: y\n\ny\n")
    box = f"{h.spool}/kvt.dk/abc"

    def waits(sentence, make, mend, text):
        make()
        equal(f"{sentence}: its mail waits", h.hand_over(a, "abc@kvt.dk", b"Subject: y\n\ny\n").returncode, 75)
        mend()
        d.fault(sentence, make, mend, "critical", box, text)
    waits("a mailbox of root's", *own(box, 0), "belongs to another user: chown it")
    waits("a mailbox that all may write", *mode(box, 0o666), "is writable by others: chmod 0600 it; until then its mail waits")
    waits("an executable one", *mode(box, 0o700), "is executable")
    waits("one that its account may not write", *mode(box, 0o400), "cannot be read and written by its account .Permission denied.: chmod 0600 it")
    waits("one with a second name", lambda: os.link(box, box + ".second"), lambda: os.unlink(box + ".second"), "has a second hard link")
    os.rename(box, box + ".aside")
    waits("a symlink", lambda: os.symlink(box + ".aside", box), lambda: os.unlink(box), "is not a regular file")
    waits("a folder", lambda: (os.mkdir(box, 0o700), os.chown(box, a.pw_uid, a.pw_gid)), lambda: os.rmdir(box), "is a folder without cur, new and tmp")
    for part in ("", "/tmp", "/new", "/cur"):
        os.mkdir(box + part, 0o700)
        os.chown(box + part, a.pw_uid, a.pw_gid)
    d.well("a Maildir")
    equal("into which mail is delivered", h.hand_over(a, "abc@kvt.dk", b"Subject: y\n\ny\n").returncode, 0)
    waits("a Maildir that its group may write", *mode(box, 0o770), "is writable by others: chmod 0700 it; until then its mail waits")
    waits("one with root's new", *own(box + "/new", 0), "has a new that is not a folder of its account's alone")
    shutil.rmtree(box)
    os.rename(box + ".aside", box)
    make, mend = added(f"{h.spool}/kvt.dk/gone", "", 0o666, a)
    make()
    d.well("a file of no user is no mailbox")
    mend()
    # one in the home: the account's own other files beside it are its own business
    passwd = f"{h.etc}/kvt.dk/passwd"
    before = read(passwd)
    write(passwd, before.replace(b":.:", f":{a.pw_dir}/:".encode()), 0o600, a)
    folder = os.path.join(a.pw_dir, "Mail")
    os.mkdir(folder, 0o700)
    os.chown(folder, a.pw_uid, a.pw_gid)
    write(os.path.join(folder, "sent"), "", 0o666, a)
    for sentence, make, mend, text in (("its group may write", *mode(folder, 0o770), f"folder {a.pw_dir}/*Mail has mode 0770.*chmod go-w it; until then his mail waits"),
                                       ("others may write, above the mailbox's", *mode(a.pw_dir, 0o702), f"folder {a.pw_dir}/* has mode 0702.*until then his mail waits"),
                                       ("is another's", *own(folder, d.b.pw_uid), f"folder {a.pw_dir}/*Mail belongs to uid {d.b.pw_uid}")):
        make()
        equal(f"a home's folder that {sentence}: the mail waits", h.hand_over(a, "abc@kvt.dk", b"Subject: y\n\ny\n").returncode, 75)
        mend()
        d.fault(f"a home's folder that {sentence}", make, mend, "critical", "abc@kvt.dk", text, alone=False)
    # of a home that two have, no mail goes there
    write(passwd, before.replace(b":.:", f":{a.pw_dir}/:".encode()) + f"zwei:*:{a.pw_uid}:{a.pw_gid}::{a.pw_dir}:\n".encode(), 0o600, a)
    make, mend = mode(folder, 0o770)
    make()
    check("a home that two users have is nobody's", "his mail waits" not in d.run()[1], d.run()[1])
    mend()
    write(passwd, before.replace(b":.:", f":{a.pw_dir}/:".encode()), 0o600, a)
    d.fault("a mailbox in the home", *added(os.path.join(folder, "mailbox"), "", 0o666, a), "critical", os.path.join(folder, "mailbox"), "is writable by others")
    write(passwd, before, 0o600, a)


def journal():
    """A delivery that was killed in the middle of its append, and then grew old."""
    message = b"Subject: x\nMessage-ID: <j@example.org>\n\n" + b"x\n" * 1000
    env = {"HOME": a.pw_dir, "EXTENSION": "abc--kvt.dk"}
    top = f"From s@e.org  Fri Nov 20 10:00:00 2026\nDelivered-To: {a.pw_name}+abc--kvt.dk@virtual.invalid\n".encode()
    for when in range(1, 9):
        run(["/usr/bin/strace", "-f", "-o", "/dev/null", "-e", f"inject=pwrite64,pwritev:signal=KILL:when={when}", f"{h.bin}/virtual-deliver",
             "-c", h.etc, "abc@kvt.dk"], data=top + message, env=env, user=a.pw_uid, group=a.pw_gid, extra_groups=[])
        path = f"{h.spool}/kvt.dk/.abc.journal"
        if read(path)[8:12] == b"\1\0\0\0":
            break
    d.well("a delivery under way is no fault")
    old = time.time() - 3600
    os.utime(path, (old, old))
    d.find("a delivery that was cut off", "warning", f"{h.spool}/kvt.dk/abc", r"was cut off at \d{4}-.*Z; the next one")
    equal("and looking changes nothing", read(path)[8:12], b"\1\0\0\0")
    h.hand_over(a, "abc@kvt.dk", b"Subject: y\n\ny\n")
    d.well("the next delivery repairs it")


def main():
    files()
    forwards()
    users()
    mailboxes()
    journal()
    done()


main()
