#!/usr/bin/env python3
"""virtual-checkpassword: the published interface, with real hashes, children and programs; refusals of every kind say
and take the same; a server that listens; what is noted of logins, and when that goes.
"""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import CLEAN_ENV, must, read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

PASSWORD = "correct-horse"
# Says what it is and has, as JSON.
REPORTER = """#!/usr/bin/python3 -I
import json, os, sys
def back(f):
    try:
        f(0)
    except PermissionError:
        return False
    return True
status = dict(l.split(":", 1) for l in open("/proc/self/status"))
print(json.dumps({
    "args": sys.argv[1:], "uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(), "cwd": os.getcwd(),
    "env": {k: os.environ.get(k) for k in ("USER", "HOME", "SHELL", "KEPT")},
    "fds": [int(f) for f in os.listdir("/proc/self/fd") if int(f) > 2 and os.path.exists("/proc/self/fd/" + f)],
    "caps": [status[c].strip() for c in ("CapPrm", "CapEff", "CapInh", "CapAmb")], "root": back(os.setuid) or back(os.setgid),
    "input": sys.stdin.read(), "cmdline": open("/proc/self/cmdline").read()}))
"""


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def __repr__(self):
        return f"exit {self.status}, {self.seconds:.3f} s, stdout {self.out!r}, stderr {self.err!r}"


class Door:
    """virtual-checkpassword of a house."""

    def __init__(self, h):
        self.h = h
        self.program = os.path.join(h.bin, "virtual-checkpassword")
        self.reporter = write(h.path("reporter"), REPORTER, 0o755)

    def raw(self, given, argv=None, env=None, options=None, data=b"", **more):
        """Run it with these bytes on descriptor 3 (None: closed)."""
        argv = [self.reporter] if argv is None else argv
        options = ["-c", self.h.etc] if options is None else options
        r, w = os.pipe()
        start = time.monotonic()

        def arrange():
            if given is None:
                os.closerange(3, 256)
            else:
                os.dup2(r, 3)

        with subprocess.Popen([self.program, *options, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=dict(CLEAN_ENV, **(env or {})), preexec_fn=arrange,
                              pass_fds=(3,), **more) as p:
            os.close(r)
            try:
                os.write(w, given or b"")
            except BrokenPipeError:
                pass
            os.close(w)
            out, err = p.communicate(data, timeout=60)
        return Result(p.returncode, out.decode(errors="replace"), err.decode(errors="replace"), time.monotonic() - start)

    def ask(self, name, password, **more):
        name, password = (x if isinstance(x, bytes) else x.encode() for x in (name, password))
        return self.raw(name + b"\0" + password + b"\0" + b"1700000000.1\0", **more)

    def may_in(self, name, password=PASSWORD, **more):
        r = self.ask(name, password, **more)
        return json.loads(r.out) if r.status == 0 else r


def together(calls):
    """Run them side by side: most of their time is a wait."""
    with ThreadPoolExecutor(50) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def build():
    h = House()
    a, b = h.account("a"), h.account("b")
    # Others are not to meet the limits of those who guess below: each has an address of its own.
    h.write_settings(default_domain="kvt.dk", login_log="all")
    h.domain("kvt.dk", a, {})
    h.domain("other.org", b, {})
    md5 = must(["/usr/bin/openssl", "passwd", "-1", PASSWORD]).strip()
    sha = must(["/usr/bin/openssl", "passwd", "-6", PASSWORD]).strip()
    for name, owner, users in (("kvt.dk", a, {"abc": md5, "kvt": sha, "off": md5, "star": "*", "none": "", "plain": PASSWORD}),
                               ("other.org", b, {"abc": sha})):
        lines = [f"{u}:{p}:{owner.pw_uid}:{owner.pw_gid}:name:.:\n" for u, p in sorted(users.items())]
        write(os.path.join(h.etc, name, "passwd"), "".join(lines), 0o600, owner)
    os.mkdir(f"{h.etc}/kvt.dk/users", 0o700)
    os.chown(f"{h.etc}/kvt.dk/users", a.pw_uid, a.pw_gid)
    write(f"{h.etc}/kvt.dk/users/off", "retrieve = no\n", 0o600, a)
    write(f"{h.etc}/domains", "kvt.org alias_of=kvt.dk\n")
    return h, a, b


def right(d, a):
    got = d.may_in("abc@kvt.dk", env={"KEPT": "yes", "USER": "root", "HOME": "/root"}, data=b"hello")
    got.pop("cmdline", None) if isinstance(got, dict) else None
    equal("the program runs as the account, in its home, with nothing of root's", got, {
        "args": [], "uid": [a.pw_uid] * 3, "gid": [a.pw_gid] * 3, "groups": [a.pw_gid], "cwd": a.pw_dir,
        "env": {"USER": "abc@kvt.dk", "HOME": a.pw_dir, "SHELL": a.pw_shell, "KEPT": "yes"}, "fds": [],
        "caps": ["0" * 16] * 4, "root": False, "input": "hello"})
    args = ["a b", "", "$(id)", "`id`", ";", "-c", "/nowhere", "--help", "%s%n", "\xe6"]
    equal("its arguments arrive as they are", d.may_in("abc@kvt.dk", argv=[d.reporter, *args])["args"], args)
    names = ["abc@kvt.dk", "ABC@KVT.DK", "abc%kvt.dk", "abc", "abc@kvt.org", "abc@mail.kvt.dk", "abc@kvt.dk."]
    for name, got in zip(names, together([lambda n=n: d.may_in(n) for n in names])):
        check(f"{name} is abc@kvt.dk", isinstance(got, dict) and got["env"]["USER"] == "abc@kvt.dk", got)
    got = d.may_in("abc@other.org")
    equal("a user of the same name in another domain is another account", (got["uid"][0] != a.pw_uid, got["env"]["USER"]),
          (True, "abc@other.org"))
    equal("a program is looked for in PATH", d.ask("abc@kvt.dk", PASSWORD, argv=["true"]).status, 0)
    equal("its exit status is ours", d.ask("abc@kvt.dk", PASSWORD, argv=["/bin/sh", "-c", "exit 42"]).status, 42)
    equal("no time stamp is needed", d.raw(f"abc@kvt.dk\0{PASSWORD}\0".encode()).status, 0)
    full = f"abc@kvt.dk\0{PASSWORD}\0".encode()
    equal("512 bytes are not too many", d.raw(full + b"x" * (512 - len(full))).status, 0)
    at = read(f"{d.h.path('state')}/seen/kvt.dk/abc")
    check("the login is noted", at == b"" and os.path.exists(f"{d.h.path('state')}/seen/kvt.dk/abc"))


def refused(d):
    """Whatever the reason: the same status, the same bytes, the same time."""
    cases = {
        "a wrong password": ("abc@kvt.dk", "wrong"), "an unknown user": ("nosuch@kvt.dk", "wrong"),
        "an unknown domain": ("abc@nowhere.dk", "wrong"), "a name of the host's": ("root@localhost", "wrong"),
        "an empty password": ("abc@kvt.dk", ""), "an empty name": ("", PASSWORD), "no name, no password": ("", ""),
        "a longer password": ("abc@kvt.dk", PASSWORD + "x"), "a disabled user": ("off@kvt.dk", PASSWORD),
        "a locked user": ("star@kvt.dk", "*"), "a user without a password": ("none@kvt.dk", ""),
        "plain text where it is not allowed": ("plain@kvt.dk", PASSWORD), "another domain's user": ("kvt@other.org", PASSWORD),
    }
    got = together([lambda c=c, i=i: d.ask(*c, env={"TCPREMOTEIP": f"192.0.2.{i}"}) for i, c in enumerate(cases.values())])
    for case, r in zip(cases, got):
        check(f"{case} is refused, without a word", (r.status, r.out, r.err) == (1, "", ""), r)
    # One after the other, so that nothing but the work could make a difference.
    times = [d.ask(*cases[c], env={"TCPREMOTEIP": f"198.51.100.{i}"}).seconds
             for i, c in enumerate(("a wrong password", "an unknown user", "an unknown domain"))]
    check("each takes the same time, within 5 %", min(times) >= 1 and max(times) <= 1.05 * min(times), times)


HOSTILE = [
    "..", "../..", "/", "//", ".", "/etc/passwd", "../../etc/passwd", "%2f", "%2e%2e%2f", "..%2f", "%s%n", "%n%n%n%n", "%",
    "@", "@@", "a@b@c", "a%b%c", "a@b%c", "abc@", "@kvt.dk", "abc@..", "abc@../kvt.dk", "abc@/kvt.dk", "abc@kvt.dk/..",
    "../kvt.dk/abc@kvt.dk", "abc/../kvt@kvt.dk", "abc@kvt.dk/", "abc @kvt.dk", " abc@kvt.dk", "abc@kvt.dk ", "abc\t@kvt.dk",
    "abc\n@kvt.dk", "abc@kvt.dk\n", "abc\r\n@kvt.dk", "abc.@kvt.dk", ".abc@kvt.dk", "a..b@kvt.dk", "abc@kvt..dk", "abc@.kvt.dk",
    "abc@kvt.dk..", "abc@kvt", "abc@localhost", "abc@[127.0.0.1]", "abc@127.0.0.1", "abc@::1", "abc+tag@kvt.dk", "abc:x@kvt.dk",
    "abc@xn--", "abc@\u3002", "abc\uff0e@kvt.dk", "..\uff0f@kvt.dk", "abc@\uff0e\uff0e/kvt.dk", "abc@\uff61\uff61", "\u00e6@kvt.dk",
    "-c@kvt.dk", "--help@kvt.dk", "$HOME@kvt.dk", "`id`@kvt.dk", "$(id)@kvt.dk", ";id@kvt.dk", "|id@kvt.dk", "<x>@kvt.dk",
    "\"abc\"@kvt.dk", "'abc'@kvt.dk", "a\\b@kvt.dk", "abc.lock@kvt.dk", "abc.new@kvt.dk", "passwd@kvt.dk", ".trash@kvt.dk",
    "abc@virtual.conf", "abc@maps", "abc@domains", "abc@x.lock", "abc@virtual.invalid", "abc@.trash", "root", "root@", "root%",
    "a" * 64 + "@kvt.dk", "a" * 65 + "@kvt.dk", "a" * 256 + "@kvt.dk", "abc@" + "a." * 150 + "dk", "abc@" + "a" * 300 + ".dk",
    "a" * 480, "\x01@kvt.dk", "\x7f@kvt.dk", "abc@\x1b[2J.dk",
]


def hostile(d):
    names = [n.encode() for n in HOSTILE] + [b"\xff\xfe@kvt.dk", b"abc@\xff.dk", b"\xc0\xae\xc0\xae@kvt.dk"]
    names += [n + b"@other.org" for n in names if len(n) < 400][:60] + [n.replace(b"@", b"%") for n in names if b"@" in n][:60]
    got = together([lambda n=n, i=i: d.ask(n, PASSWORD, env={"TCPREMOTEIP": f"203.0.{i // 250}.{i % 250}"})
                    for i, n in enumerate(names)])
    wrong = [(n, r) for n, r in zip(names, got) if (r.status, r.out, r.err) != (1, "", "")]
    check(f"{len(names)} hostile names are refused like any other", len(names) >= 200 and not wrong, wrong[:5])
    lines = d.h.log.wait("refused login", "[2J")
    check("what was typed cannot harm the log", lines and all(re.fullmatch(r"[ -~]*", l) for l in lines), lines)
    check("nor be taken for another part of its line", d.h.log.find("refused login of abc?@kvt.dk from"), d.h.log.lines[-3:])


def traced(d):
    """What is opened for a hostile name, by the program and its child."""
    log = d.h.path("trace")
    for i, name in enumerate(("../../../etc/shadow@kvt.dk", "abc@../other.org", "..%2fkvt.dk", "abc@kvt.dk/../other.org")):
        r = subprocess.run(["/usr/bin/strace", "-f", "-qq", "-e", "trace=%file", "-o", log, "/usr/bin/python3", "-c",
                            "import os,sys\nr,w=os.pipe()\nos.write(w,sys.argv[1].encode()+b'\\0x\\0')\nos.close(w)\n"
                            "os.dup2(r,3)\nos.set_inheritable(3,True)\nos.execv(sys.argv[2],sys.argv[2:])", name, d.program, "-c", d.h.etc, "/bin/true"],
                           env=dict(CLEAN_ENV, TCPREMOTEIP=f"198.51.101.{i}"), check=False, capture_output=True)
        lines = read(log).decode(errors="replace").split("\n")
        start = next(i for i, l in enumerate(lines) if d.program in l)
        opened = [m[1] for l in lines[start + 1:] if (m := re.search(r'\((?:[A-Z_]+, |\d+, )?"([^"]*)"', l))]
        bad = [p for p in opened if ".." in p or "shadow" in p or "other.org" in p]
        check(f"{name}: nothing of it is opened", r.returncode == 1 and len(opened) > 5 and not bad, bad or r)


def misuse(d):
    usage = "usage: virtual-checkpassword [-c DIR] PROGRAM [ARGUMENT...]"
    good = f"abc@kvt.dk\0{PASSWORD}\0".encode()
    for what, r, why in (
            ("no descriptor 3", d.raw(None), "descriptor 3 cannot be read"),
            ("513 bytes", d.raw(good + b"x" * (513 - len(good))), "over 512 bytes"),
            ("100,000 bytes", d.raw(b"x" * 60000), "over 512 bytes"),
            ("nothing on it", d.raw(b""), "no name and password"),
            ("no NUL", d.raw(b"abc@kvt.dk"), "no name and password"),
            ("a name alone", d.raw(b"abc@kvt.dk\0"), "no name and password"),
            ("a password without its NUL", d.raw(b"abc@kvt.dk\0" + PASSWORD.encode()), "no name and password"),
            ("no program", d.raw(good, argv=[]), "no program"),
            ("an unknown option", d.raw(good, options=["-x"]), "unknown option"),
            ("-c without its folder", d.raw(good, argv=[], options=["-c"]), "unknown option")):
        check(f"{what} is wrong usage", r.status == 2 and usage in r.err and why in r.err and r.out == "", r)
        check(f"{what}: no password is shown", PASSWORD not in r.err, r)
    r = d.raw(b"", argv=[], options=["--help"])
    check("--help needs no descriptor", r.status == 0 and usage in r.out and r.err == "", r)
    r = d.raw(b"", argv=[], options=["--version"])
    check("--version says one", r.status == 0 and re.fullmatch(r"virtual-checkpassword \d+\.\d+\.\d+\n", r.out), r)


def cannot_know(d, a):
    passwd = f"{d.h.etc}/kvt.dk/passwd"
    whole = read(passwd)

    def is_later(what, *words, **more):
        r = d.ask("abc@kvt.dk", PASSWORD, **more)
        check(f"{what}: 111, without a word", (r.status, r.out, r.err) == (111, "", ""), r)
        lines = d.h.log.wait("virtual-checkpassword", *words)
        check(f"{what}: the log says why, and no password", lines and PASSWORD not in "".join(lines), d.h.log.lines[-3:])

    write(passwd, b"abc:torn\n", 0o600, a)
    is_later("a torn passwd", "kvt.dk/passwd, line 1")
    os.unlink(passwd)
    is_later("no passwd", "kvt.dk/passwd is missing")
    write(passwd, whole, 0o600, a)
    is_later("a program that is not there", "run /nowhere/program", argv=["/nowhere/program"])
    os.rename(a.pw_dir, a.pw_dir + ".away")
    is_later("a home that is not there", "change to the home")
    os.rename(a.pw_dir + ".away", a.pw_dir)
    r = d.ask("abc@kvt.dk", PASSWORD, options=["-c", "/nowhere/etc"])
    check("no configuration: 111, and why", r.status == 111 and "/nowhere/etc" in r.err and PASSWORD not in r.err, r)
    r = d.ask("abc@other.org", PASSWORD, user=a.pw_uid, group=a.pw_gid, extra_groups=[])
    check("who is not root becomes nobody else", r.status == 111 and r.out == "", r)
    equal("all is well again", d.ask("abc@kvt.dk", PASSWORD).status, 0)


def at(address):
    return {"TCPREMOTEIP": address}


def guess(d):
    """Wrong passwords: 16 for one user, 48 for many from one /64, since one may go uncounted where many are counted at once.
    Mostly waiting."""
    together([lambda: d.ask("kvt@kvt.dk", "guess", env=at("192.0.2.200"))] * 16 +
             [lambda i=i: d.ask(f"u{i}@kvt.dk", "guess", env=at("2001:db8::%x" % i)) for i in range(48)])


def guess_until_refused(d, name, address):
    """What is counted decays meanwhile, so the last of many guesses may have come below the limit again."""
    for _ in range(5):
        if d.ask(name, "guess", env=at(address)).status == 111:
            break


def guessed(d):
    guess_until_refused(d, "kvt@kvt.dk", "192.0.2.200")
    r = d.ask("kvt@kvt.dk", PASSWORD, env=at("192.0.2.200"))
    check("an address that guessed is refused, even with the right password", (r.status, r.out, r.err) == (111, "", ""), r)
    check("and that is said", d.h.log.wait("refused login of kvt@kvt.dk from 192.0.2.200: too many wrong passwords"))
    r = d.ask("kvt@kvt.dk", PASSWORD, env=at("192.0.2.201"))
    check("the owner gets in from elsewhere, after 2 s at most", r.status == 0 and r.seconds < 3, r)
    r = d.ask("abc@kvt.dk", PASSWORD, env=at("192.0.2.200"))
    check("others there get in", r.status == 0, r)
    guess_until_refused(d, "nobody@kvt.dk", "2001:db8::fffe")
    equal("a /64 that guessed at many is refused for all", d.ask("abc@kvt.dk", PASSWORD, env=at("2001:db8::ffff")).status, 111)
    equal("its neighbour is not", d.ask("abc@kvt.dk", PASSWORD, env=at("2001:db8:0:1::1")).status, 0)
    equal("the count is root's alone", oct(os.stat(d.h.path("run", "tries")).st_mode & 0o777), "0o600")


def serve(d, listener, times):
    """A server in the manner of tcpserver and qmail-popup: one question, then the program has the connection."""
    for _ in range(times):
        c, peer = listener.accept()
        with c, c.makefile("rb") as lines:
            c.sendall(b"+OK\r\n")
            user, password = (lines.readline().split(b" ", 1)[1].rstrip() for _ in range(2))
            r, w = os.pipe()
            os.write(w, user + b"\0" + password + b"\0time\0")
            os.close(w)
            p = subprocess.run([d.program, "-c", d.h.etc, "/bin/cat", f"{d.h.spool}/kvt.dk/abc"], stdin=c, stdout=c,
                               stderr=subprocess.DEVNULL, pass_fds=(3,), preexec_fn=lambda: os.dup2(r, 3),
                               env=dict(CLEAN_ENV, TCPREMOTEIP=peer[0]), check=False)
            os.close(r)
            if p.returncode != 0:
                c.sendall(b"-ERR %d\r\n" % p.returncode)


def network(d, a):
    mail = b"From a@b.dk Fri Nov 20 10:00:00 2026\n\nhello\n\n"
    write(f"{d.h.spool}/kvt.dk/abc", mail, 0o600, a)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(d, listener, 2), daemon=True)
        thread.start()
        got = []
        for password in (PASSWORD, "wrong"):
            with socket.create_connection(listener.getsockname(), 20) as c:
                c.sendall(b"USER abc@kvt.dk\r\nPASS " + password.encode() + b"\r\n")
                c.shutdown(socket.SHUT_WR)
                got.append(b"".join(iter(lambda c=c: c.recv(4096), b"")))
        thread.join(20)
    equal("a server lets its program read the user's mail over the connection", got[0], b"+OK\r\n" + mail)
    equal("and a wrong password reads nothing", got[1], b"+OK\r\n-ERR 1\r\n")
    check("the log has who came from where", d.h.log.wait("login of abc@kvt.dk from 127.0.0.1") and
          d.h.log.wait("refused login of abc@kvt.dk from 127.0.0.1: wrong password"), d.h.log.lines[-3:])


def forgotten(d, a):
    """What was noted goes with the user, and with the domain."""
    h, seen = d.h, d.h.path("state", "seen")
    h.must_admin("domain", "add", "new.dk", "--account", a.pw_name)
    for user in ("abc", "def"):
        h.must_admin("user", "add", f"{user}@new.dk", "--password-stdin", data=PASSWORD.encode() + b"\n")
        equal(f"{user} gets in by the password that was set", d.ask(f"{user}@new.dk", PASSWORD).status, 0)
    os.utime(f"{seen}/new.dk/abc", (1000000, 1000000))
    h.must_admin("-n", "user", "rename", "abc@new.dk", "xyz")
    equal("a dry run leaves the note", sorted(os.listdir(f"{seen}/new.dk")), ["abc", "def"])
    h.must_admin("user", "rename", "abc@new.dk", "xyz")
    equal("a renamed user takes it along", (sorted(os.listdir(f"{seen}/new.dk")), os.stat(f"{seen}/new.dk/xyz").st_mtime),
          (["def", "xyz"], 1000000))
    h.must_admin("user", "delete", "xyz@new.dk", "--yes")
    equal("a deleted user loses it", os.listdir(f"{seen}/new.dk"), ["def"])
    h.must_admin("domain", "delete", "new.dk", "--yes")
    equal("a deleted domain loses all", sorted(os.listdir(seen)), ["kvt.dk", "other.org"])
    equal("and lets nobody in", d.ask("def@new.dk", PASSWORD).status, 1)


def main():
    h, a, _ = build()
    d = Door(h)
    right(d, a)
    refused(d)
    misuse(d)
    cannot_know(d, a)
    network(d, a)
    thread = threading.Thread(target=guess, args=(d,))
    thread.start()
    hostile(d)
    traced(d)
    thread.join()
    guessed(d)
    forgotten(d, a)
    said = "".join(h.log.lines)
    check("no password was ever logged", PASSWORD not in said and "guess" not in said and h.log.lines, said[:200])
    contains("a refusal's line has its fixed form", "\n".join(h.log.lines),
             "refused login of off@kvt.dk from 192.0.2.8: closed")
    check("nothing is left running", run(["/usr/bin/pgrep", "-u", str(a.pw_uid)]).returncode == 1)
    done()


main()
