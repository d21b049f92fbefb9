#!/usr/bin/python3
"""200 hostile names at the login of the real server, traced: nobody gets in, and nothing is opened outside the places that are ours."""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
from house import House  # noqa: E402
from pop3 import Pop3, mbox, md5_hash  # noqa: E402
from pop3d import ours  # noqa: E402
from scratch import at_end, read, wait_for, write  # noqa: E402

TRIES = 3  # in one connection
DOTS = ["\u3002", "\uff0e", "\uff61", "\u2024", "\u2025", "\ufe52"]
SLASHES = ["/", "\\", "%2f", "%2F", "%5c", "\u2215", "\u2044", "\uff0f", "..%c0%af"]
# What a session may open, by the beginning of its path, `@` for the house.
ALLOWED = ["@/etc/virtual.conf", "@/etc/domains", "@/run/tries", "@/run/sessions", "@/log.socket", "/dev/log", "/dev/null", "/etc/hosts",
           "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/ld.so", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf", "/etc/localtime",
           "/etc/login.defs", "/lib/", "/usr/lib/", "/usr/share/locale", "/usr/share/zoneinfo", "/proc/self", "/proc/sys", "/run/systemd/userdb",
           "/var/run/nscd", "/run/nscd", "/sys/"]


def names():
    out = ["..", ".", "/", "@", "%", "@@", "a@", "@kvt.dk", "abc@", "abc@.", "abc@..", "abc@...", "../abc@kvt.dk", "..@kvt.dk", ".@kvt.dk", "/etc/passwd@kvt.dk",
           "abc@kvt.dk/", "abc@/kvt.dk", "abc@./kvt.dk", "abc@kvt.dk/.", "abc@../outside", "abc@outside/../../outside", "abc@kvt.dk\\", "passwd@kvt.dk",
           "passwd@", "abc@passwd", "abc@maps", "abc@virtual.conf", "abc@domains", "abc@.journal", "abc@kvt.dk~", "abc@kvt.dk.new", "abc@-kvt.dk", "-abc@kvt.dk",
           "abc@kvt..dk", "abc@.kvt.dk", "~@kvt.dk", "~root@kvt.dk", "abc@~", "$HOME@kvt.dk", "`id`@kvt.dk", "$(id)@kvt.dk", ";id@kvt.dk", "|id@kvt.dk", "abc@kvt.dk;id",
           "*@kvt.dk", "abc@*", "?bc@kvt.dk", "[a]bc@kvt.dk", "abc@[127.0.0.1]", "abc@127.0.0.1", "abc@0", "0@0", "root@localhost", "abc@localhost", "%s%n@kvt.dk",
           "abc@%s%n", "%n%n%n%n", "abc@" + "a." * 120 + "dk", "abc@" + "a" * 64 + ".dk", "abc@" + "a" * 256, "a" * 256 + "@kvt.dk", "a" * 65 + "@kvt.dk",
           "a" * 480, "abc@" + "." * 400, "../" * 150 + "etc/passwd", "abc@" + "../" * 150, "abc@kvt.dk@kvt.dk", "abc%kvt.dk%kvt.dk", "abc@kvt.dk%", "%abc@kvt.dk%",
           "abc:x@kvt.dk", "abc@kvt.dk:", "abc@kvt.dk\x7f", "abc\x01@kvt.dk", "abc@kvt.dk\x0b", "abc\0@kvt.dk", "abc@kvt.dk\0", "abc@kvt.dk\0/../outside", "abc\r@kvt.dk",
           "abc@xn--", "abc@xn--a", "abc@xn--0000", "abc@xn--" + "9" * 60, "abc@\u00ad", "abc@kvt\u00ad.org.\u00ad", "abc@\u202ekd.tvk", "\ufeffabc@kvt.dk", "abc\u200d@kvt.dk",
           "abc@\udc80", "abc\udcff@kvt.dk", "\udcc0\udcae\udcc0\udcae/abc@kvt.dk", "abc@\udcc0\udcae\udcc0\udcae"]
    for s in SLASHES:
        out += [f"..{s}abc@kvt.dk", f"abc@..{s}outside", f"abc@kvt.dk{s}..{s}outside", f"abc@{s}etc", f"..{s}..{s}..{s}etc{s}passwd", f"abc@outside{s}", f"%2e%2e{s}abc@kvt.dk"]
    for c in "!#&'()*,<>?^{}~=+":
        out += [f"{c}@kvt.dk", f"abc@kvt.dk{c}", f"..{c}/@kvt.dk"]
    for d in DOTS:
        out += [f"{d}{d}/abc@kvt.dk", f"abc@{d}{d}", f"abc@{d}{d}/outside", f"abc@kvt{d}{d}dk", f"abc@{d}", f"{d}@kvt.dk", f"abc@{d}kvt.dk"]
    return list(dict.fromkeys(out))


def attack(s, n, batch):
    """One connection; the answers to each name, by USER and PASS or by APOP."""
    found = []
    with Pop3(*s.at, source=f"127.1.{n // 200}.{n % 200 + 1}", timeout=60) as p:
        for name in batch:
            raw = name.encode("utf-8", "surrogateescape")
            if n % 3 == 2:
                found.append((name, p.ask(b"APOP " + raw + b" " + b"0" * 32)))
                continue
            user = p.ask(b"USER " + raw)
            found.append((name, p.ask("PASS secret") if user.startswith(b"+OK") else user))
    return found


def paths(trace):
    """Every file that was named to the kernel: dirfd and name put together."""
    found = set()
    for m in re.finditer(r'^(?:\[pid +)?\d+\]? +(\w+)\((?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', trace, re.M):
        folder, name = m[2] or "", m[3].encode().decode("unicode_escape")
        found.add(name if name.startswith("/") or m[1] in ("readlink",) else os.path.join(folder, name))
    return found


def main():
    h = House()
    a = h.account("a")
    good = md5_hash("secret")
    h.domain("kvt.dk", a, {"abc": "."}, hashes={"abc": good})
    write(os.path.join(h.spool, "kvt.dk", "abc"), mbox(1, 200), 0o600, a)
    outside = os.path.join(h.top, "outside")  # beside etc: what `..` would lead to
    os.mkdir(outside, 0o755)
    os.chown(outside, a.pw_uid, a.pw_gid)
    write(os.path.join(outside, "passwd"), f"abc:{good}:{a.pw_uid}:{a.pw_gid}:x:.:\n", 0o600, a)
    h.write_settings(system_users="no", apop="yes", pop3_sessions_per_address="1000", pop3_sessions="1000")
    s = ours(h)
    log = h.path("trace")
    tracer = subprocess.Popen(["/usr/bin/strace", "-qq", "-f", "-y", "-s", "4096", "-e", "trace=%file", "-e", "signal=none", "-o", log, "-p", str(s.pid)],
                              stderr=subprocess.DEVNULL)
    at_end(tracer.kill)
    wait_for(lambda: b"TracerPid:\t0" not in read(f"/proc/{s.pid}/status"))
    hostile = names()
    check("there are 200 hostile names and more", len(hostile) >= 200 and len(set(hostile)) == len(hostile), len(hostile))
    batches = [hostile[n:n + TRIES] for n in range(0, len(hostile), TRIES)]
    with ThreadPoolExecutor(len(batches)) as pool:
        answers = [r for found in pool.map(attack, [s] * len(batches), range(len(batches)), batches) for r in found]
    equal("each is answered", len(answers), len(hostile))
    equal("nobody gets in", [r for r in answers if not r[1].startswith(b"-ERR ")], [])
    with Pop3(*s.at) as p:
        p.must_login("abc@kvt.dk", "secret")
        equal("who is nobody's enemy still gets his mail", (p.count()[0], p.ask("QUIT")), (1, b"+OK\r\n"))
    s.stop()
    tracer.wait(20)
    opened = paths(read(log).decode(errors="replace"))
    inside = [p.replace("@", h.top) for p in ALLOWED]
    ours_too = re.compile(re.escape(h.top) + r"/(etc|spool|run|state|home)(/|$)")
    check("the trace shows the mailbox that was right", any(p.startswith(os.path.join(h.spool, "kvt.dk")) for p in opened), sorted(opened)[:50])
    strange = [p for p in map(os.path.normpath, opened) if not ours_too.match(p) and not any(p.startswith(i) for i in inside)
               and not p.startswith(h.top + "/bin") and not h.top.startswith(p)]
    equal("nothing is opened outside our folders and the system's", sorted(strange), [])
    equal("and no name goes up", sorted(p for p in opened if ".." in p.split("/")), [])
    equal("no process crashed meanwhile", [l for l in s.output().splitlines() if "signal" in l], [])
    done()


main()
