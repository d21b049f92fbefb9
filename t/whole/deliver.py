#!/usr/bin/python3
"""virtual-deliver itself, started as local(8) starts it, in a scratch store: what it answers, what it stores, what it
logs, and what it leaves alone, for every kind of recipient, mailbox, setting and hostile byte.
"""
import os
import re
import socket
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch  # noqa: E402
from tap import check, done, equal  # noqa: E402
from scratch import read, write  # noqa: E402

UID, STRANGER = 60001, 60002
ACCOUNT = SimpleNamespace(pw_uid=UID, pw_gid=UID)
OTHER = SimpleNamespace(pw_uid=STRANGER, pw_gid=STRANGER)
MESSAGE = b"Subject: test\nMessage-ID: <1@example.org>\n\nhello\n"
LOG = re.compile(r"<(22|20)>virtual-deliver\[\d+\]: (\S+): message-id=(.*?), to=<(.*?)>, mailbox=(.*?), from=<(.*?)>, "
                 r"size=(\d+), status=(stored before|stored|refused|deferred)( \(.*\))?, ms=\d+\.\d$")


class Store:
    """A configuration folder, a spool, a home and a /var/mail of uid 60001, and a log socket."""

    def __init__(self):
        scratch.need_root()
        self.top = scratch.folder()
        self.program = os.path.join(scratch.programs(self.top), "virtual-deliver")
        for name in ("etc", "spool", "home", "mail"):
            os.mkdir(self.path(name), 0o755)
        os.chmod(self.path("mail"), 0o1777)
        os.chown(self.path("home"), UID, UID)
        self.settings = {"spool_directory": self.path("spool"), "mail_directory": self.path("mail"),
                         "log_socket": self.path("log"), "myhostname": "mail.example.net",
                         "postfix_config_directory": self.path("nowhere")}
        self.configure()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(self.path("log"))
        os.chmod(self.path("log"), 0o666)

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def configure(self, more=""):
        write(self.path("etc", "virtual.conf"), "".join(f"{k} = {v}\n" for k, v in self.settings.items()) + more)

    def domain(self, name, users="abc", owner=ACCOUNT, passwd=None):
        for folder in (self.path("etc", name), self.path("spool", name)):
            os.makedirs(folder, 0o700, exist_ok=True)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        if passwd is None:
            passwd = "".join(f"{u}:*:{owner.pw_uid}:{owner.pw_gid}:{u}name:.:\n" for u in sorted(users.split()))
        write(self.path("etc", name, "passwd"), passwd, 0o600, owner)

    def logged(self):
        lines = []
        while True:
            try:
                lines.append(self.socket.recv(65536).decode(errors="replace"))
            except BlockingIOError:
                return lines

    def deliver(self, *words, data=MESSAGE, env=None, uid=UID, config=True, **more):
        """Run it; returns (status, output, log lines)."""
        self.logged()
        argv = [self.program, *(["-c", self.path("etc")] if config else []), *words]
        r = subprocess.run(argv, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
                           env={"HOME": self.path("home"), "PATH": "/usr/bin:/bin", **(env or {})},
                           user=uid, group=uid, extra_groups=[], **more)
        return SimpleNamespace(status=r.returncode, out=r.stdout, log=self.logged())

    def mailbox(self, user="abc", domain="kvt.dk"):
        return read(self.path("spool", domain, user))

    def snapshot(self):
        """Everything below the store: path → what it is and holds. The side files of a mailbox are not looked into."""
        found = {}
        for folder, folders, names in os.walk(self.top):
            for n in folders + names:
                path = os.path.join(folder, n)
                st = os.lstat(path)
                kind = stat.S_IFMT(st.st_mode)
                text = read(path) if kind == stat.S_IFREG else os.readlink(path) if kind == stat.S_IFLNK else ""
                found[os.path.relpath(path, self.top)] = (st.st_mode, st.st_uid, st.st_nlink if kind == stat.S_IFREG else 0, text)
        return {p: v for p, v in found.items() if not re.search(r"(^|/)\.[^/]*\.(journal|done|lock|maildir)$", p)}


def top(recipient="kvt_dk+abc--kvt.dk@virtual.invalid", original="abc@kvt.dk", sender="s@example.org"):
    """The lines that local(8) puts on top."""
    lines = f"From {sender or 'MAILER-DAEMON'}  Fri Nov 20 10:00:00 2026\nReturn-Path: <{sender}>\n"
    lines += f"X-Original-To: {original}\n" if original is not None else ""
    lines += f"Delivered-To: {recipient}\n" if recipient is not None else ""
    return lines.encode("latin-1")


def received(queue_id="4ABCDE12345"):
    return (f"Received: from c.example (localhost [127.0.0.1])\n\tby mail.example.net (Postfix) with ESMTP id {queue_id}\n"
            "\tfor <x@y>; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)\n").encode()


def one_log_line(sentence, r, **want):
    """There is one line, whole, and its fields are these."""
    fields = LOG.match(r.log[0]) if len(r.log) == 1 else None
    if not check(f"{sentence}: one log line with all fields", fields is not None, r.log):
        return
    got = dict(zip(("level", "queue_id", "message_id", "to", "mailbox", "sender", "size", "status"), fields.groups()))
    for name, value in want.items():
        equal(f"{sentence}: {name} in the log", got[name], value)


def untouched(sentence, s, before):
    after = s.snapshot()
    other = {p: (before.get(p), after.get(p)) for p in {*before, *after} if before.get(p) != after.get(p)}
    equal(sentence, other, {})


def refused(sentence, s, status, code, *words, part="", quiet=False, **more):
    """A delivery that fails: status, code, one log line, and nothing in the store is another than before."""
    before = s.snapshot()
    r = s.deliver(*words, **more)
    first = r.out.split(b"\n")[0]
    good = r.status == status and first.startswith(code.encode() + b" ") and part.encode() in first and r.out.count(b"\n") == 1
    check(f"{sentence}: {status}, {code}", good, f"{r.status} {r.out!r}")
    if not quiet:
        one_log_line(sentence, r, status="deferred" if status == 75 else "refused")
        check(f"{sentence}: the log says the same code", f"({code} " in "".join(r.log), r.log)
        check(f"{sentence}: the log says for whom", not words or "to=<>" not in "".join(r.log), r.log)
    untouched(f"{sentence}: nothing was touched", s, before)
    return r


def stored(sentence, s, *words, user="abc", domain="kvt.dk", path=None, **more):
    """A delivery that works: one message more. Returns its bytes."""
    path = path or s.path("spool", domain, user)
    before = read(path)
    r = s.deliver(*words, **more)
    after = read(path)
    check(f"{sentence}: stored", (r.status, r.out) == (0, b"") and after.startswith(before) and len(after) > len(before),
          f"{r.status} {r.out!r} {after[-300:]!r}")
    one_log_line(sentence, r, status="stored", mailbox=path)
    return after[len(before):]


# --- the tables ---

def plain(s):
    """What is written, byte for byte."""
    data = top(original="abc+tag@y.z.kvt.dk") + received() + b"Return-Path: <forged@x>\nDelivered-To: older@example.org\n" + MESSAGE
    got = stored("a message", s, "abc@kvt.dk", data=data)
    want = (b"From s@example.org DATE\nReturn-Path: <s@example.org>\nX-Original-To: abc+tag@y.z.kvt.dk\n"
            b"Delivered-To: abc+tag@y.z.kvt.dk\n" + received() + b"Delivered-To: older@example.org\n" + MESSAGE + b"\n")
    equal("a message is written as it should be", re.sub(rb"(?m)\A(From \S+) .{24}$", rb"\1 DATE", got), want)
    check("its date is asctime's", re.match(rb"From \S+ \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n", got), got[:60])
    equal("the mailbox is 0600", oct(os.stat(s.path("spool", "kvt.dk", "abc")).st_mode & 0o7777), "0o600")
    r = s.deliver("abc@kvt.dk", data=data)
    one_log_line("the same message again", r, status="stored before", queue_id="4ABCDE12345", to="abc+tag@y.z.kvt.dk",
                 message_id="<1@example.org>", sender="s@example.org", size=str(len(data) - len(top(original="abc+tag@y.z.kvt.dk"))))
    big = received("4BBCDE12345") + b"Subject: big\n\n" + (b"z" * 63 + b"\n") * 30000
    for original in ("abc@kvt.dk", "sales@kvt.dk", "info@kvt.dk"):
        got = stored(f"a message of 2 MB to {original}", s, "abc@kvt.dk", data=top(original=original) + big)
        check(f"a message of 2 MB to {original}: whole", got.endswith(big + b"\n"), len(got))
    r = s.deliver("abc@kvt.dk", data=top(original="sales@kvt.dk") + big)
    one_log_line("a message of 2 MB again", r, status="stored before", sender="s@example.org", queue_id="4BBCDE12345")


def recipients(s):
    via = "kvt_dk+{}@virtual.invalid".format
    for sentence, ext, original, user, domain, shown in (
            ("no argument, user--domain", "abc--kvt.dk", "abc@kvt.dk", "abc", "kvt.dk", "abc@kvt.dk"),
            ("a tag behind", "abc--kvt.dk+tag", "abc+tag@kvt.dk", "abc", "kvt.dk", "abc+tag@kvt.dk"),
            ("a tag inside, as in 2002", "abc+tag--kvt.dk", None, "abc", "kvt.dk", "abc@kvt.dk"),
            ("a sub-domain", "abc--y.z.kvt.dk", "abc@y.z.kvt.dk", "abc", "kvt.dk", "abc@y.z.kvt.dk"),
            ("a domain alias", "abc--kvt.org", "abc@kvt.org", "abc", "kvt.dk", "abc@kvt.org"),
            ("a catch-all", "--all.dk", "Any.One@all.dk", "rest", "all.dk", "Any.One@all.dk"),
            ("a catch-all for a user", "--all.dk", "abc@all.dk", "abc", "all.dk", "abc@all.dk"),
            ("a forged X-Original-To", "abc--kvt.dk", "root@localhost", "abc", "kvt.dk", "abc@kvt.dk")):
        got = stored(sentence, s, user=user, domain=domain, data=top(via(ext), original) + MESSAGE,
                     env={"EXTENSION": ext.lower()})
        check(f"{sentence}: Delivered-To: {shown}", f"\nDelivered-To: {shown}\n".encode() in got, got)
    for sentence, status, code, words, data, env, part in (
            ("an unknown user", 67, "5.1.1", ["nosuch@kvt.dk"], MESSAGE, {}, "nosuch@kvt.dk"),
            ("an unknown user in Delivered-To", 67, "5.1.1", [], top(via("nosuch--kvt.dk")) + MESSAGE, {}, ""),
            ("a user who gets no mail", 67, "5.2.1", ["off@kvt.dk"], MESSAGE, {}, "takes no mail"),
            ("a catch-all without the address, and no fallback", 75, "4.3.5", [], top(via("--kvt.dk"), None) + MESSAGE, {}, "enable_original_recipient"),
            ("another account's domain", 75, "4.3.5", ["abc@theirs.dk"], MESSAGE, {}, "no domain of the account"),
            ("no domain at all", 75, "4.3.5", ["abc@nowhere.dk"], MESSAGE, {}, "no domain of the account"),
            ("two readings", 75, "4.3.5", [], top(via("a--b--c.dk")) + MESSAGE, {}, "two addresses"),
            ("another EXTENSION", 75, "4.3.5", [], top() + MESSAGE, {"EXTENSION": "kvt--kvt.dk"}, "EXTENSION"),
            ("nobody", 75, "4.3.5", [], MESSAGE, {}, "no recipient"),
            ("nothing at all", 75, "4.3.5", [], b"", {}, "no recipient"),
            ("an argument that is none", 75, "4.3.5", ["abc"], MESSAGE, {}, "user@domain"),
            ("an argument with a domain that is none", 75, "4.1.2", ["abc@x"], MESSAGE, {}, ""),
            ("an account that is no name", 75, "4.1.3", [], top("../x@host") + MESSAGE, {}, "")):
        refused(sentence, s, status, code, *words, data=data, env=env, part=part)


def loops(s):
    def again(*lines):
        return top() + "".join(f"{l}\n" for l in lines).encode() + MESSAGE
    for sentence, argument, lines in (
            ("this address", "abc@kvt.dk", ["Delivered-To: abc@kvt.dk"]),
            ("in other case, folded", "abc@kvt.dk", ["DELIVERED-to:", "\tABC@KVT.dk"]),
            ("in brackets", "abc@kvt.dk", ["Delivered-To: <abc@kvt.dk>"]),
            ("with a tag", "abc@kvt.dk", ["Delivered-To: abc+x@kvt.dk"]),
            ("in a sub-domain", "abc@kvt.dk", ["Delivered-To: abc@y.z.kvt.dk"]),
            ("by a domain alias", "abc@kvt.dk", ["Delivered-To: abc@kvt.org"]),
            ("to the alias, from the domain", "abc@kvt.org", ["Delivered-To: abc@kvt.dk"]),
            ("behind 1,000 others", "abc@kvt.dk", [*(f"Delivered-To: u{i}@example.org" for i in range(1000)), "Delivered-To: abc@kvt.dk"]),
            ("behind one of 2 kB", "abc@kvt.dk", ["Delivered-To: " + "x" * 2000 + "@y.dk", "Delivered-To: abc@kvt.dk"]),
            ("by the fallback", "any@all.dk", ["Delivered-To: other@all.dk"]),
            ("to the fallback's own name", "any@all.dk", ["Delivered-To: rest@all.dk"])):
        refused(f"a loop: {sentence}", s, 77, "5.4.6", argument, data=again(*lines), part="loop")
    for sentence, argument, lines in (
            ("another user", "abc@kvt.dk", ["Delivered-To: kvt@kvt.dk"]),
            ("the user of another domain", "abc@kvt.dk", ["Delivered-To: abc@all.dk", "Delivered-To: abc@theirs.dk"]),
            ("a longer name", "abc@kvt.dk", ["Delivered-To: abcd@kvt.dk", "Delivered-To: xabc@kvt.dk"]),
            ("a domain that ends alike", "abc@kvt.dk", ["Delivered-To: abc@xkvt.dk"]),
            ("in the body", "abc@kvt.dk", ["A: b", "", "Delivered-To: abc@kvt.dk"]),
            ("nonsense", "abc@kvt.dk", ["Delivered-To:", "Delivered-To: @", "Delivered-To: abc@", "Delivered-To: abc"]),
            ("one of 100 kB", "abc@kvt.dk", ["Delivered-To: " + "x" * 100000])):
        stored(f"no loop: {sentence}", s, argument, data=again(*lines))


def own_mail(s):
    """No virtual recipient at all."""
    own = top("kvt_dk@mail.example.net", "kvt_dk@mail.example.net") + MESSAGE
    box = s.path("home", "Mail", "mailbox")
    got = stored("the account's own mail", s, path=box, data=own)
    check("the account's own mail: Delivered-To", b"\nDelivered-To: kvt_dk@mail.example.net\n" in got, got)
    equal("the folder that was made is 0700", oct(os.stat(s.path("home", "Mail")).st_mode & 0o7777), "0o700")
    stored("the account's own mail, with an extension", s, path=box, data=top("kvt_dk+lists@mail.example.net") + MESSAGE,
           env={"EXTENSION": "lists"})
    refused("the account's own mail, in a loop", s, 77, "5.4.6",
            data=top("kvt_dk@mail.example.net") + b"Delivered-To: KVT_DK@mail.example.net\n" + MESSAGE)
    write(s.path("mail", "kvt_dk"), b"", 0o660, ACCOUNT)
    os.remove(box)
    refused("no dotlock in a shared folder", s, 75, "4.3.5", data=own, part="fcntl_only")
    s.configure("fcntl_only = yes\n")
    stored("a shared folder with fcntl_only", s, path=s.path("mail", "kvt_dk"), data=own)
    equal("a shared folder with fcntl_only: no file was made there", os.listdir(s.path("mail")), ["kvt_dk"])
    os.remove(s.path("mail", "kvt_dk"))
    s.configure()


def bad_mailboxes(s):
    """A mailbox that is no plain file of ours is refused, and what it leads to is not touched."""
    box, target = s.path("spool", "kvt.dk", "kvt"), s.path("target")
    folder = os.path.dirname(box)

    def file(mode=0o600, owner=ACCOUNT, path=box):
        write(path, b"From x\n\nold\n\n", mode, owner)
        os.chmod(path, mode)  # chown(2) takes a set-uid bit away

    def link(make, owner=ACCOUNT):
        file(path=target, owner=owner)
        make(target, box)
        os.chown(box, UID, UID, follow_symlinks=False)

    def hard_link_to_a_symlink():
        file(path=target)
        os.symlink(target, s.path("link"))
        os.chown(s.path("link"), UID, UID, follow_symlinks=False)
        os.link(s.path("link"), box, follow_symlinks=False)

    def node(kind, device=0):
        os.mknod(box, kind | 0o600, device)
        os.chown(box, UID, UID)

    for sentence, make, part in (
            ("a symlink", lambda: link(os.symlink), "symlink"),
            ("a symlink to a stranger's file", lambda: link(os.symlink, OTHER), "symlink"),
            ("a symlink to nothing", lambda: (os.symlink(target, box), os.chown(box, UID, UID, follow_symlinks=False)), "symlink"),
            ("a hard link", lambda: link(os.link), "hard link"),
            ("a hard link to a symlink", hard_link_to_a_symlink, "symlink"),
            ("a FIFO", lambda: node(stat.S_IFIFO), "regular file"),
            ("a device", lambda: node(stat.S_IFCHR, os.makedev(1, 3)), "regular file"),
            ("a folder", lambda: (os.mkdir(box, 0o700), os.chown(box, UID, UID)), "without cur, new and tmp"),
            ("executable", lambda: file(0o700), "executable"),
            ("executable by others", lambda: file(0o601), "executable"),
            ("set-uid", lambda: file(0o4600), ""),
            ("writable by the group", lambda: file(0o660), "writable"),
            ("writable by others", lambda: file(0o602), "writable"),
            ("a stranger's", lambda: file(0o644, OTHER), ""),
            ("a stranger's that we may write", lambda: file(0o666, OTHER), ""),
            ("read-only", lambda: file(0o400), "")):
        make()
        started = time.monotonic()
        refused(f"a mailbox that is {sentence}", s, 75, "4.3.0" if sentence in ("read-only", "a stranger's") else "4.3.5",
                "kvt@kvt.dk", part=part)
        check(f"a mailbox that is {sentence}: at once", time.monotonic() - started < 5)
        for path in (box, target, s.path("link")):
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            elif os.path.lexists(path):
                os.remove(path)
    for sentence, mode, owner, undo in (("is writable by the group", 0o770, ACCOUNT, None), ("is writable by others", 0o707, ACCOUNT, None),
                                        ("is a stranger's", 0o755, OTHER, None)):
        os.chmod(folder, mode)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        refused(f"a mailbox whose folder {sentence}", s, 75, "4.3.5", "kvt@kvt.dk", part=f"folder {folder} ")
        os.chmod(folder, 0o700)
        os.chown(folder, UID, UID)
    os.rename(folder, folder + ".away")
    refused("a mailbox whose folder is missing", s, 75, "4.3.5", "kvt@kvt.dk")
    os.symlink(folder + ".away", folder)
    refused("a mailbox whose folder is a symlink", s, 75, "4.3.5", "kvt@kvt.dk")
    os.remove(folder)
    os.rename(folder + ".away", folder)
    for name in (".kvt.journal", ".kvt.done", ".kvt.lock"):
        write(target, b"precious", 0o600, ACCOUNT)
        path = os.path.join(folder, name)
        os.remove(path) if os.path.lexists(path) else None
        os.symlink(target, path)
        s.deliver("kvt@kvt.dk")
        equal(f"where {name} is a symlink, its target is not touched", read(target), b"precious")
        os.remove(path) if os.path.lexists(path) else None
        os.mkfifo(path, 0o600)
        os.chown(path, UID, UID)
        started = time.monotonic()
        s.deliver("kvt@kvt.dk")
        check(f"where {name} is a FIFO, nothing waits for it", time.monotonic() - started < 5)
        os.remove(path) if os.path.lexists(path) else None
    os.remove(target)


def bad_settings(s):
    """A bad setting defers mail, with file, line and reason."""
    good = read(s.path("etc", "virtual.conf"))
    lines = good.count(b"\n")
    for line, part in (("nonsense\n", "virtual.conf"), ("no_such_setting = 1\n", "no_such_setting"), ("map_type = hash\n", "map_type"),
                       ("mail_directory = relative\n", "mail_directory"), ("fcntl_only = perhaps\n", "fcntl_only")):
        write(s.path("etc", "virtual.conf"), good + line.encode())
        r = refused(f"virtual.conf: {line.strip()}", s, 75, "4.3.5", "abc@kvt.dk", part=part, quiet=True)
        check(f"virtual.conf: {line.strip()}: the line is named", f"line {lines + 1}".encode() in r.out, r.out)
    write(s.path("etc", "virtual.conf"), good)
    os.chmod(s.path("etc", "virtual.conf"), 0o666)
    refused("virtual.conf that others may write", s, 75, "4.3.5", "abc@kvt.dk", part="virtual.conf", quiet=True)
    os.chmod(s.path("etc", "virtual.conf"), 0o644)
    registry = read(s.path("etc", "domains"))
    for line in ("bad.dk what=ever\n", "bad.dk alias_of=nonsense\n"):
        write(s.path("etc", "domains"), registry + line.encode())
        refused(f"domains: {line.strip()!r}, for its own domain", s, 75, "4.3.5", "abc@bad.dk", part="domains")
        stored(f"domains: {line.strip()!r}, for another domain", s, "abc@kvt.dk")
    write(s.path("etc", "domains"), registry)
    passwd = s.path("etc", "kvt.dk", "passwd")
    right = read(passwd)
    for sentence, text, user in (
            ("another uid", b"abc:*:60002:60002:x:.:\n", "abc"), ("too few fields", b"abc:*:60001:60001:x:.\n", "abc"),
            ("empty", b"", "abc"), ("no final newline", b"abc:*:60001:60001:x:.:", "abc"),
            ("no final newline, unknown user", b"abc:*:60001:60001:x:.:", "nosuch"),
            ("a bad line, unknown user", b"abc:*:60001:60001:x:.:\nnonsense\n", "nosuch"),
            ("empty, unknown user", b"", "nosuch"), ("the user twice", b"abc:*:60001:60001:x:.:\n" * 2, "abc")):
        write(passwd, text, 0o600, ACCOUNT)
        refused(f"passwd: {sentence}", s, 75, "4.3.5", f"{user}@kvt.dk", part="passwd")
    write(passwd, right, 0o600, ACCOUNT)

    def replaced(sentence, make, undo=lambda: os.remove(passwd)):
        os.rename(passwd, passwd + ".away")
        make()
        refused(f"passwd: {sentence}", s, 75, "4.3.5", "abc@kvt.dk", part="passwd")
        undo()
        os.rename(passwd + ".away", passwd)
    replaced("missing", lambda: None, lambda: None)
    replaced("a FIFO", lambda: (os.mkfifo(passwd, 0o600), os.chown(passwd, UID, UID)))
    replaced("a folder", lambda: os.mkdir(passwd, 0o755), lambda: os.rmdir(passwd))
    replaced("a stranger's", lambda: write(passwd, right, 0o644, OTHER))
    replaced("writable by the group", lambda: write(passwd, right, 0o660, ACCOUNT))
    replaced("a stranger's symlink", lambda: (os.symlink("passwd.away", passwd), os.chown(passwd, STRANGER, STRANGER, follow_symlinks=False)))
    replaced("a symlink to a symlink", lambda: (os.symlink("again", passwd), os.symlink("passwd.away", s.path("etc", "kvt.dk", "again")),
                                                os.chown(passwd, UID, UID, follow_symlinks=False)),
             lambda: (os.remove(passwd), os.remove(s.path("etc", "kvt.dk", "again"))))
    for sentence, mode in (("group-writable", 0o770), ("writable by others", 0o707)):
        os.chmod(s.path("etc", "kvt.dk"), mode)
        refused(f"a domain's folder that is {sentence}", s, 75, "4.3.5", "abc@kvt.dk", part="kvt.dk")
    os.chmod(s.path("etc", "kvt.dk"), 0o700)
    for name, text in (("domain.conf", "fallback = ../x\n"), ("domain.conf", "what = ever\n"), ("domain.conf", "fallback = gone\n")):
        write(s.path("etc", "kvt.dk", name), text, 0o600, ACCOUNT)
        refused(f"{name}: {text.strip()}, unknown user", s, 75, "4.3.5", "nosuch@kvt.dk", part=name)
        if "gone" in text:
            stored(f"{name}: {text.strip()}, a user", s, "abc@kvt.dk")
        else:  # what else the file was meant to say of the user's mail, nobody knows
            refused(f"{name}: {text.strip()}, a user", s, 75, "4.3.5", "abc@kvt.dk", part=name)
        os.remove(s.path("etc", "kvt.dk", name))


def the_process(s):
    """Who it runs as, its umask, its descriptors, its options."""
    before = s.snapshot()
    r = s.deliver("abc@kvt.dk", uid=0)
    check("as root it refuses", r.status == 75 and r.out.startswith(b"4.3.5 ") and b"root" in r.out, r)
    untouched("as root it touches nothing", s, before)
    for mask in (0, 0o777):
        os.remove(s.path("spool", "kvt.dk", "abc"))
        stored(f"umask {mask:o}", s, "abc@kvt.dk", umask=mask)
        for name in ("abc", ".abc.journal", ".abc.lock"):
            equal(f"umask {mask:o}: {name} is 0600", oct(os.stat(s.path("spool", "kvt.dk", name)).st_mode & 0o7777), "0o600")
    before = s.snapshot()
    for words, status, part in ((["-n", "abc@kvt.dk"], 0, b"would append"), (["--dry-run", "kvt@kvt.dk"], 0, b"would append"),
                                (["-n", "nosuch@kvt.dk"], 67, b"5.1.1 "), (["-n", "new@kvt.dk"], 0, b"would append")):
        r = s.deliver(*words)
        check(f"{' '.join(words)}: says it", r.status == status and part in r.out, r)
        equal(f"{' '.join(words)}: no log line", r.log, [])
    untouched("-n writes nothing", s, before)
    check("-n makes no side file", not os.path.exists(s.path("spool", "kvt.dk", ".new.journal")))
    for words in (["-x"], ["-c"], ["--nonsense"], ["a@b.dk", "c@d.dk"], ["--config"], ["-n", "-x", "abc@kvt.dk"]):
        r = s.deliver(*words, config=False)
        check(f"{' '.join(words)}: 75, and a usage", r.status == 75 and r.out.startswith(b"4.3.5 usage"), r)
    for words in (["--help"], ["--version"], ["-h"], ["-V"]):
        check(f"{words[0]}: 0", s.deliver(*words, config=False).status == 0)
    r = s.deliver("-c", "/nonexistent", "abc@kvt.dk", config=False)
    check("a configuration folder that is missing: 75", r.status == 75 and r.out.startswith(b"4."), r)
    for closed in ("<&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        size = len(s.mailbox())
        r = subprocess.run(["/bin/sh", "-c", f'exec "$@" {closed}', "sh", s.program, "-c", s.path("etc"), "abc@kvt.dk"], input=MESSAGE,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=UID, group=UID, extra_groups=[], check=False)
        grown = len(s.mailbox()) > size
        check(f"started with {closed}: stored and 0, or neither", (r.returncode, grown) == ((75, False) if "<" in closed else (0, True)),
              (r.returncode, grown))
    for kept in ("abc@kvt.dk", "nosuch@kvt.dk"):
        r = subprocess.run([s.program, "-c", s.path("etc"), kept], input=MESSAGE, stdout=open("/dev/full", "wb"), user=UID, group=UID,
                           extra_groups=[], check=False)
        check(f"output to a full device, {kept}: never a bounce by the number alone", r.returncode in (0, 67, 75), r.returncode)
    s.logged()


def hostile_bytes(s):
    """Each byte, and what a shell would do something with, in every field that a sender can choose."""
    payloads = [bytes([b]) for b in range(1, 256)] + [p.encode() for p in (
        "$(touch pwned)", "`touch pwned`", ";touch pwned", "|touch pwned", "&& touch pwned", "|| touch pwned", "\ntouch pwned\n", "$IFS",
        "${HOME}", "../../../../tmp/pwned", "/etc/passwd", "%s%n%s%n", "%d %f %u", "%%", "-f", "--", "-oQ/tmp", "--config=/tmp", "~", "~root",
        "*", "?", "[a-z]", "{a,b}", "\"", "'", "\\", "\\\\", "\r\nX-Injected: 1", "\nX-Injected: 1\n", "\n\nFrom x\n", "From x", ">From ",
        "<script>", "a@b@c", "a b", "\t", "$'\\n'", "!!", "#", "=", "\x7f\x1b[31m", "a" * 1000, "\u00e6\u00f8\u00e5", ".", "..", "\x00".replace("\x00", "%00"))]
    box = s.path("spool", "kvt.dk", "abc")
    odd = []
    for p in payloads:
        text = p.decode("latin-1")
        value = text.replace("\n", " ").replace("\r", " ")
        data = top(original=f"{value}@kvt.dk", sender=f"{value}@x") + b"Message-ID: <" + value.encode("latin-1") + b">\n\nbody\n"
        size = os.path.getsize(box) if os.path.exists(box) else 0
        r = s.deliver("abc@kvt.dk", data=data, env={"SENDER": text, "EXTENSION": text, "ORIGINAL_RECIPIENT": text, "RECIPIENT": text,
                                                    "LOCAL": text, "USER": text, "SHELL": text, "CLIENT_HELO": text})
        got = read(box)[size:]
        names = [l.split(b":")[0].split(b" ")[0] for l in got.partition(b"\n\n")[0].split(b"\n")]
        if (r.status, r.out, len(r.log)) != (0, b"", 1) or "\n" in r.log[0] or names != [b"From", b"Return-Path", b"X-Original-To",
                                                                                       b"Delivered-To", b"Message-ID"] \
                or len(re.findall(rb"(?m)^From ", got)) != 1 or not got.endswith(b"\n\nbody\n\n"):
            odd.append((p, r, got))
    equal(f"{len(payloads)} payloads in sender, original and environment: one message, one log line, five header lines", odd, [])
    odd = []
    for p in payloads:
        for argument in (p + b"@kvt.dk", b"abc+" + p + b"@kvt.dk", b"abc@" + p, p):
            before = s.snapshot() if len(p) > 1 else None
            r = s.deliver("--", argument)
            fine = r.status in ((0, 67) if argument.startswith(b"abc+") else (67, 75)) and len(r.log) == 1 and r.out.count(b"\n") <= 1
            known = argument.split(b"@")[0].lower() in (b"abc", b"kvt", b"off", b"new")
            if not fine and not (known and r.status == 0):
                odd.append((argument, r))
            if before and r.status != 0 and s.snapshot() != before:
                odd.append((argument, "something was touched"))
    equal("payloads in the argument: refused or deferred, one line each, nothing touched", odd, [])
    for argument in ("-n@kvt.dk", "--help@kvt.dk", "-c/tmp@kvt.dk"):
        r = s.deliver(argument)
        check(f"the argument {argument} without --: never delivered, never a bounce", r.status == 75 and r.out.startswith(b"4."), r)
    check("nothing was executed", not any(os.path.exists(os.path.join(d, "pwned")) for d in (s.top, "/tmp", "/", os.getcwd(), s.path("home"))))


# --- where it looks ---

DRIVER = """
import os, sys
program, etc, home, cases = sys.argv[1:]
for line in open(cases, "rb"):
    argument, _, message = bytes.fromhex(line.decode()).partition(b"\\0\\0")
    r, w = os.pipe()
    os.write(w, message); os.close(w)
    pid = os.fork()
    if pid == 0:
        os.setgroups([]); os.setgid(60001); os.setuid(60001)
        os.dup2(r, 0); os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
        os.execve(program, [program, "-c", etc] + ([b"--", argument] if argument else []), {"HOME": home, "ASAN_OPTIONS": "detect_leaks=0"})
    os.close(r)
    os.waitpid(pid, 0)
"""


def hostile_names():
    """2,500 names, each through the argument and through Delivered-To."""
    parts = ["..", "/", "../", "/../", "etc", "passwd", "abc", "kvt.dk", "%2f", "..%2f", "\\", "\\..\\", ".", "...", "~", "~root", "\xff", "\xc0\xaf",
             "\u2025", "\uff0e\uff0e", "\x01", "\x7f", " ", "$HOME", "+", "--", "-", "@", "\"", "'", ".lock", ".journal", ".new", "A", "a" * 70,
             "a" * 300, "tmp", "domain.conf", "users", "maps", "mail", "spool", "x" * 1100, "\r", "\t", ":", ";", "|", "*", "%s", "\x80"]
    names, n = [], 0
    while len(names) < 2500:
        n += 1
        value, state = "", n
        for _ in range(1 + n % 6):
            state = (state * 1103515245 + 12345) % 2**31
            value += parts[state // 65536 % len(parts)]
        names.append(value)
    return names


OPEN = re.compile(r"^(\d+) +(\w+)\((?:(AT_FDCWD|\d+)(?:<(.*?)>)?, )?\"((?:[^\"\\]|\\.)*)\"")


def opened(log, program):
    """The absolute path of each file call of virtual-deliver in strace's log, and how often it was started."""
    ours, found = set(), set()
    for line in open(log, encoding="latin-1"):
        m = OPEN.match(line)
        if not m:
            continue
        pid, call, _, folder, name = m.groups()
        if call == "execve":
            ours |= {pid} if name == program else set()
        elif pid in ours:
            found.add(os.path.normpath(os.path.join(folder or "/(no folder)", name)))
    return found, len(ours)


def traced(s, lines):
    write(s.path("cases"), lines)
    log = s.path("strace.log")
    scratch.must(["/usr/bin/strace", "-f", "--seccomp-bpf", "-y", "-qq", "-s", "5000", "-e", "trace=%file", "-o", log, sys.executable,
                  "-c", DRIVER, s.program, s.path("etc"), s.path("home"), s.path("cases")], timeout=500)
    return opened(log, s.program)


def where_it_looks(s):
    def case(argument, message):
        return (argument + b"\0\0" + message).hex() + "\n"
    lines = case(b"abc@kvt.dk", MESSAGE)  # and one good one, to see that it would be seen
    for name in hostile_names():
        raw = name.encode("utf-8" if "\uff0e" in name or "\u2025" in name else "latin-1")
        user, domain = raw[:len(raw) // 2], raw[len(raw) // 2:]
        lines += case(user + b"@" + domain if len(raw) % 3 else raw + b"@kvt.dk", MESSAGE)
        via = b"kvt_dk+" + (user + b"--" + domain if len(raw) % 3 else raw + b"--kvt.dk")
        lines += case(b"", b"From s@x  Fri Nov 20 10:00:00 2026\nReturn-Path: <s@x>\nX-Original-To: " + raw.replace(b"\n", b"") + b"@kvt.dk\n"
                      b"Delivered-To: " + via + b"@virtual.invalid\nDelivered-To: " + raw + b"@kvt.org\n" + MESSAGE)
    found, runs = traced(s, lines)
    check("5,000 hostile names were tried", runs == 5001, runs)
    fixed = {"/etc/passwd", "/proc/sys/kernel/random/boot_id", s.path("nowhere", "main.cf"), s.program, s.path("etc"), s.path("spool"),
             s.path("home"), s.path("mail"), "/var/run/nscd/socket"}
    if "asan" in scratch.BUILD:  # what its libraries open for a good name is no finding
        fixed |= traced(s, case(b"abc@kvt.dk", MESSAGE))[0]
    inside = tuple(s.path(d) + "/" for d in ("etc", "spool", "home", "mail"))
    outside = sorted(p for p in found if p not in fixed and not p.startswith(inside) and not re.match(r"/proc/\d+/stat$", p))
    equal("nothing outside the store, the spool, the home and mail_directory was opened", outside, [])
    check("what is inside was seen", {s.path("etc", "virtual.conf"), s.path("spool", "kvt.dk", "abc")} <= found, sorted(found)[:20])
    names = {p[len(s.path("spool")) + 1:] for p in found if p.startswith(s.path("spool") + "/")}
    equal("in the spool only mailboxes of users who exist", sorted(n for n in names if not re.fullmatch(
        r"(kvt|all)\.dk(/(\.?(abc|kvt|new|rest)(\.lock|\.journal|\.done|\.spooled)?|\.files(/[a-z0-9_][a-z0-9._-]*\.auto)?|\.))?", n)), [])
    equal("in the store only files of domains", sorted(p for p in found if p.startswith(s.path("etc") + "/") and not re.fullmatch(
        r"[a-z0-9._-]+(/(passwd|domain\.conf|aliases|\.no-user\.msg|[a-z]+(-[a-z]+)?\.en|messages/[a-z-]+\.en|users(/[a-z0-9_][a-z0-9._-]*)?))?", p[len(s.path("etc")) + 1:])), [])


def main():
    s = Store()
    s.domain("kvt.dk", "abc kvt new off")
    os.mkdir(s.path("etc", "kvt.dk", "users"), 0o700)
    os.chown(s.path("etc", "kvt.dk", "users"), UID, UID)
    write(s.path("etc", "kvt.dk", "users", "off"), "receive = no\n", 0o600, ACCOUNT)
    s.domain("all.dk", "abc rest")
    write(s.path("etc", "all.dk", "domain.conf"), "fallback = rest\n", 0o600, ACCOUNT)
    s.domain("b--c.dk", "a")
    s.domain("c.dk", "a--b")
    s.domain("theirs.dk", "abc", OTHER)
    write(s.path("etc", "domains"), "kvt.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\n")
    for part in (plain, recipients, loops, own_mail, bad_mailboxes, bad_settings, the_process, hostile_bytes, where_it_looks):
        part(s)
    done()


main()
