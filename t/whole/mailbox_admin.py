#!/usr/bin/python3
"""postfix-virtual mailbox: show, verify, repair and convert, by exact output, exit status and the bytes of the mailbox; not while
a POP3 session is open; renamed and deleted users with a Maildir; killed at every call; hostile accounts.
"""
import json
import os
import shlex
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from killing import Stage  # noqa: E402
from pop3 import md5_hash  # noqa: E402
from pop3d import Session  # noqa: E402
from scratch import read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

MAIL = (b"From a@b.dk Fri Nov 20 10:00:00 2026\nReturn-Path: <a@b.dk>\nSubject: 1\n\nx\n\n"
        b"From c@d.dk Fri Nov 20 11:00:00 2026\nReturn-Path: <c@d.dk>\nSubject: 2\n\n>From y\n\n")
HURT = b"Subject: 1\n\nx\nFrom y\n\nFrom c@d.dk Fri Nov 20 11:00:00 2026\nSubject: 2\n\n\0\0y"
NULS = "NUL bytes, which do no harm here"


def said(*lines):
    return "".join(f"postfix-virtual: {l}\n" for l in lines)


class Mailboxes(Stage):
    COMPARED = ("etc", "spool", "state")
    TABLES = ()

    def build(self):
        h = self.h
        self.a = h.account("m")
        h.must_admin("domain", "add", "kvt.dk", "--account", self.a.pw_name)
        for name in ("abc", "def"):
            h.must_admin("user", "add", f"{name}@kvt.dk", "--hash", md5_hash("secret"))
        self.folder = f"{h.spool}/kvt.dk"
        self.put(MAIL)

    def put(self, data, name="abc"):
        write(f"{self.folder}/{name}", data, 0o600, self.a)

    def admin(self, line):
        r = self.h.admin(*shlex.split(line))
        return r.returncode, r.stdout.decode().replace(self.h.top, "TOP"), r.stderr.decode().replace(self.h.top, "TOP")

    def is_so(self, line, out, *notes, status=0):
        equal(line, self.admin(line), (status, out, said(*notes)))

    def trash(self):
        path = f"{self.folder}/.trash"
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def maildir(self, name="abc"):
        """What is in its new/ and cur/, by content."""
        found = []
        for sub in ("new", "cur"):
            folder = f"{self.folder}/{name}/{sub}"
            found += [read(os.path.join(folder, n)) for n in os.listdir(folder)]
        return sorted(found)


OLD = "TOP/spool/kvt.dk/.trash for 30 days"
MESSAGES = [b"Return-Path: <a@b.dk>\nSubject: 1\n\nx\n", b"Return-Path: <c@d.dk>\nSubject: 2\n\nFrom y\n"]


def shown(s):
    s.is_so("mailbox show abc@kvt.dk", "address: abc@kvt.dk\nmailbox: TOP/spool/kvt.dk/abc\nformat: mbox\n"
                                       f"bytes: {len(MAIL)}\nmessages: 2\nquota: NOQUOTA\nquota_messages: 0\n")
    s.is_so("mailbox show def@kvt.dk", "address: def@kvt.dk\nmailbox: TOP/spool/kvt.dk/def\nformat: none yet\nbytes: 0\nmessages: 0\nquota: NOQUOTA\nquota_messages: 0\n")
    s.h.must_admin("domain", "set", "kvt.dk", "max_quota=500")
    for text, want in ((None, "NOQUOTA"), ("domain_quota = 1G\n", "500"), ("quota_messages = 3\n", "500"), ("quota = 400\n", "400")):
        if text is not None:
            write(f"{s.h.etc}/kvt.dk/domain.conf", text, 0o600, s.a)
        equal(f"domain.conf: {text}: the limit that a delivery goes by", json.loads(s.admin("mailbox show abc@kvt.dk --json")[1])["quota"], want)
    write(f"{s.h.etc}/kvt.dk/domain.conf", "quota = 1k\n", 0o600, s.a)
    s.h.must_admin("user", "set", "def@kvt.dk", "quota=200", "quota_messages=4")
    s.put(MAIL, "def")
    equal("root's limit goes before what the domain writes by hand", json.loads(s.admin("mailbox show abc@kvt.dk --json")[1])["quota"], "500")
    s.is_so("mailbox show def@kvt.dk", "address: def@kvt.dk\nmailbox: TOP/spool/kvt.dk/def\nformat: mbox\n"
                                       f"bytes: {len(MAIL)}\nmessages: 2\nquota: 200\nquota_messages: 4\npercent: {len(MAIL) * 100 // 200}\n")


def refused(s):
    for line, status, why in [
            ("show nosuch@kvt.dk", 1, "nosuch@kvt.dk is no user here: postfix-virtual user list kvt.dk"),
            ("show abc@nosuch.dk", 1, "nosuch.dk is no domain here: postfix-virtual domain list"),
            ("verify nosuch@kvt.dk", 1, "nosuch@kvt.dk is no user here: postfix-virtual user list kvt.dk"),
            ("verify nosuch.dk", 1, "nosuch.dk is no domain here: postfix-virtual domain list"),
            ("repair nosuch@kvt.dk", 1, "nosuch@kvt.dk is no user here: postfix-virtual user list kvt.dk"),
            ("convert nosuch@kvt.dk maildir", 1, "nosuch@kvt.dk is no user here: postfix-virtual user list kvt.dk"),
            ("convert abc@nosuch.dk mbox", 1, "nosuch.dk is no domain here: postfix-virtual domain add nosuch.dk"),
    ]:
        s.is_so(f"mailbox {line}", "", why, status=status)
    equal("another format is wrong usage", s.admin("mailbox convert abc@kvt.dk mbx"), (2, "", said("`mbx` is no format: write maildir or mbox") + "postfix-virtual --help says more\n"))
    for line in ("show", "verify", "repair", "convert abc@kvt.dk", "show kvt.dk"):
        check(f"mailbox {line}: refused", s.admin(f"mailbox {line}")[0] in (1, 2), s.admin(f"mailbox {line}"))


def converted(s):
    s.renew()
    dry = s.admin("-n mailbox convert abc@kvt.dk maildir")
    equal("a dry run says so, and changes nothing", (dry[0], dry[1].splitlines()[0], read(f"{s.folder}/abc")), (0, "# TOP/spool/kvt.dk/abc would be made a Maildir", MAIL))
    s.is_so("mailbox convert abc@kvt.dk maildir", "the mailbox of abc@kvt.dk is a Maildir now\n", f"the mbox of before is in {OLD}", "TOP/spool/kvt.dk/abc has 2 messages now")
    equal("each message is a file", s.maildir(), MESSAGES)
    equal("and all of it is the account's alone", {(os.lstat(f"{s.folder}/abc/{n}").st_uid, oct(os.lstat(f"{s.folder}/abc/{n}").st_mode & 0o777)) for n in ("", "new", "cur", "tmp")}, {(s.a.pw_uid, "0o700")})
    equal("the mbox is in the trash", [read(f"{s.folder}/.trash/{n}") for n in s.trash()], [MAIL])
    equal("his settings say so", read(f"{s.h.etc}/kvt.dk/users/abc"), b"mailbox_format = maildir\n")
    s.is_so("mailbox convert abc@kvt.dk maildir", "the mailbox of abc@kvt.dk is a Maildir already\n")
    contains("show says so", s.admin("mailbox show abc@kvt.dk")[1], "format: maildir\n")
    r = s.h.hand_over(s.a, "abc@kvt.dk", b"Subject: 3\n\nz\n")
    equal("the next message is delivered into it", (r.returncode, len(s.maildir())), (0, 3))
    session = Session(s.h, "abc@kvt.dk")
    check("POP3 sees all three", session.client.ask("STAT").startswith(b"+OK 3 "), session.login)
    session.quit()
    s.is_so("mailbox convert abc@kvt.dk mbox", "the mailbox of abc@kvt.dk is an mbox now\n", f"the Maildir of before is in {OLD}", "TOP/spool/kvt.dk/abc has 3 messages now")
    check("back again all of it is as it was", read(f"{s.folder}/abc").startswith(MAIL), read(f"{s.folder}/abc"))
    equal("and his settings", read(f"{s.h.etc}/kvt.dk/users/abc"), b"mailbox_format = mbox\n")
    s.is_so("mailbox convert def@kvt.dk maildir", "the mailbox of def@kvt.dk is a Maildir now\n")
    equal("a mailbox that is not there yet will be one", (os.path.exists(f"{s.folder}/def"), read(f"{s.h.etc}/kvt.dk/users/def")), (False, b"mailbox_format = maildir\n"))
    r = s.h.hand_over(s.a, "def@kvt.dk", b"Subject: 4\n\nz\n")
    equal("with the first message", (r.returncode, len(s.maildir("def"))), (0, 1))
    s.is_so("mailbox convert def@kvt.dk mbox", "the mailbox of def@kvt.dk is an mbox now\n", f"the Maildir of before is in {OLD}", "TOP/spool/kvt.dk/def has 1 message now")


def in_use(s):
    s.renew()
    session = Session(s.h, "abc@kvt.dk")
    check("a session is open", session.login.startswith(b"+OK"), session.login)
    for line in ("convert abc@kvt.dk maildir", "repair abc@kvt.dk"):
        if line.startswith("repair"):
            s.put(HURT)
        s.is_so(f"mailbox {line}", "", "a POP3 session of abc@kvt.dk is open: try again when it has ended", status=75)
        equal("nothing is changed", (os.path.isfile(f"{s.folder}/abc"), s.trash(), os.listdir(s.h.path("state", "pending"))), (True, [], []))
    s.put(MAIL)
    session.quit()
    equal("afterwards it is done", s.admin("mailbox convert abc@kvt.dk maildir")[0], 0)


def users_with_maildirs(s):
    """He who has one takes it along."""
    s.renew()
    s.admin("mailbox convert abc@kvt.dk maildir")
    s.is_so("user rename abc@kvt.dk xyz", "user abc@kvt.dk is now xyz@kvt.dk\n")
    equal("a Maildir is renamed with its user", (s.maildir("xyz"), os.path.exists(f"{s.folder}/abc")), (MESSAGES, False))
    equal("nothing lies beside it", sorted(os.listdir(s.folder)), [".trash", "xyz"])
    s.is_so("user delete xyz@kvt.dk --yes", "user xyz@kvt.dk deleted\n", "TOP/spool/kvt.dk/xyz is in TOP/spool/kvt.dk/.trash for 30 days")
    equal("and goes to the trash with him", (os.listdir(s.folder), [n.split(".")[0] for n in s.trash()]), ([".trash"], ["abc", "xyz"]))


def mended(s):
    s.renew()
    s.is_so("mailbox verify abc@kvt.dk", "abc@kvt.dk: nothing is wrong, 2 messages\n")
    s.is_so("mailbox repair abc@kvt.dk", "there is nothing to mend in the mailbox of abc@kvt.dk\n")
    s.put(HURT)
    mends = "; postfix-virtual mailbox repair mends it"
    unquoted, no_from, no_end = ("a line of a message begins with `From `: some programs begin another one there", "the first message begins without a From_ line",
                                 "the last line has no end")
    lines = [f"abc@kvt.dk, at byte 0: {no_from}{mends}", f"abc@kvt.dk, at byte 14: {unquoted}{mends}", f"abc@kvt.dk, at byte 71: {NULS}", f"abc@kvt.dk, at byte {len(HURT)}: {no_end}{mends}"]
    s.is_so("mailbox verify abc@kvt.dk", "".join(l + "\n" for l in lines), status=75)
    s.is_so("mailbox verify kvt.dk", "".join(l + "\n" for l in lines) + "def@kvt.dk: nothing is wrong, 0 messages\n", status=75)
    found = json.loads(s.admin("mailbox verify kvt.dk --json")[1])
    equal("as JSON", ([m["address"] for m in found], found[0]["findings"][1], found[0]["messages"], found[1]["findings"]),
          (["abc@kvt.dk", "def@kvt.dk"], {"offset": 14, "length": 0, "text": unquoted, "mended": True}, 2, []))
    s.is_so("-n mailbox repair abc@kvt.dk", f"# would be mended, at byte 0: {no_from}\n# would be mended, at byte 14: {unquoted}\n# would stay, at byte 71: {NULS}\n"
                                            f"# would be mended, at byte {len(HURT)}: {no_end}\n")
    equal("a dry run changes nothing", read(f"{s.folder}/abc"), HURT)
    s.is_so("mailbox repair abc@kvt.dk", "the mailbox of abc@kvt.dk is mended\n", f"mended, at byte 0: {no_from}", f"mended, at byte 14: {unquoted}", f"not mended, at byte 71: {NULS}",
            f"mended, at byte {len(HURT)}: {no_end}", f"the mailbox of before is in {OLD}")
    contains("what it wrote is whole", read(f"{s.folder}/abc"), b"\nSubject: 1\n\nx\n>From y\n\nFrom c@d.dk Fri Nov 20 11:00:00 2026\nSubject: 2\n\n\0\0y\n\n")
    equal("the one of before is in the trash", [read(f"{s.folder}/.trash/{n}") for n in s.trash()], [HURT])
    equal("NULs are taken out only where that is asked", (s.admin("mailbox repair abc@kvt.dk --remove-nuls")[0], b"\0" in read(f"{s.folder}/abc")), (0, False))
    s.is_so("mailbox verify abc@kvt.dk", "abc@kvt.dk: nothing is wrong, 2 messages\n")
    s.admin("mailbox convert abc@kvt.dk maildir")
    os.mkdir(f"{s.folder}/abc/new/stray")
    s.is_so("mailbox verify abc@kvt.dk", "abc@kvt.dk: new/stray: no message: move it away\n", status=75)
    os.rmdir(f"{s.folder}/abc/new/stray")
    os.rmdir(f"{s.folder}/abc/cur")
    s.is_so("mailbox repair abc@kvt.dk", "the mailbox of abc@kvt.dk is mended\n", "mended: cur: a folder is missing")
    s.is_so("mailbox verify abc@kvt.dk", "abc@kvt.dk: nothing is wrong, 2 messages\n")


def hostile(s):
    """Something else in the place of a mailbox is refused, and the others are looked at all the same."""
    victim = write(s.h.path("victim"), MAIL, 0o600)
    for what, make in [("a FIFO", os.mkfifo), ("a symlink to root's file", lambda path: os.symlink(victim, path)), ("a hard link to root's file", lambda path: os.link(victim, path)),
                       ("a file that others write", lambda path: write(path, MAIL, 0o666, s.a)), ("a folder with nothing in it", os.mkdir)]:
        s.renew()
        path = f"{s.folder}/abc"
        os.unlink(path)
        make(path)
        if "root" not in what:
            os.chown(path, s.a.pw_uid, s.a.pw_gid)
        before = os.lstat(path)
        got = [s.admin("mailbox repair abc@kvt.dk"), s.admin("mailbox convert abc@kvt.dk maildir"), s.admin("mailbox verify kvt.dk"), s.admin("mailbox show abc@kvt.dk")]
        check(f"{what} in the place of a mailbox: nothing is done to it", all(g[0] in (0, 1, 75) for g in got) and os.lstat(path).st_ino == before.st_ino, got)
        contains("and the others are looked at", got[2][1], "def@kvt.dk: nothing is wrong, 0 messages\n")
    equal("root's file is as it was", (read(victim), oct(os.stat(victim).st_mode & 0o777), os.stat(victim).st_uid), (MAIL, "0o600", 0))
    s.renew()


def killed(s):
    s.put(HURT, "def")
    s.save()

    total = 0
    for args in (["mailbox", "convert", "abc@kvt.dk", "maildir"], ["mailbox", "repair", "def@kvt.dk"]):
        kills, wrong = 0, []
        for call in ("write", "pwrite64", "fsync", "renameat", "renameat2", "unlinkat", "mkdirat", "linkat", "fchmod"):
            for nth in range(1, 9):
                s.renew()
                r, log = s.trace(s.command(args), f"{call}:signal=KILL:when={nth}")
                if "killed by SIGKILL" not in log:
                    break
                kills += 1
                after = run(s.command(["domain", "list"]), timeout=30)
                again = s.h.admin(*args)
                if args[1] == "convert":
                    whole = os.path.isdir(f"{s.folder}/abc") and s.maildir() == MESSAGES and [read(f"{s.folder}/.trash/{n}") for n in s.trash()] == [MAIL]
                else:
                    whole = b"\n>From y\n" in read(f"{s.folder}/def") and [read(f"{s.folder}/.trash/{n}") for n in s.trash()] == [HURT]
                litter = [n for n in os.listdir(s.folder) if n.endswith((".to-maildir", ".to-mbox", ".new", ".repaired", ".mended"))] + os.listdir(s.h.path("state", "pending"))
                if not whole or litter or after.returncode != 0 or again.returncode != 0:
                    wrong.append(f"{call} number {nth}: {r.returncode} {after.stderr.decode()} {again.stderr.decode()} {litter} {os.listdir(s.folder)} {s.trash()}")
        total += kills
        check(f"{' '.join(args[:2])} killed at {kills} calls: with the next try it is done, once and whole, and the old one is in the trash", not wrong, "\n".join(wrong[:5]))
    check("enough kills", total > 40, total)
    equal("what was killed left no process", run(["/usr/bin/pgrep", "-f", s.h.etc]).stdout, b"")


def main():
    s = Mailboxes()
    shown(s)
    refused(s)
    converted(s)
    in_use(s)
    users_with_maildirs(s)
    mended(s)
    hostile(s)
    killed(s)
    done()


main()
