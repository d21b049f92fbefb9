#!/usr/bin/python3
"""postfix-virtual user password DOMAIN --hash-all: plain text becomes hashes and nothing else changes, through a
symlink too; and killed before each call that changes the disk: the file of before or the new one.
"""
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import must, read, run, write  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402

SHA512 = "$6$abc$XLyx6DsRIdZbOoC8pN6YwDZVv8bSqYFVEcGYLCUlAVTCJcFHSTmVPd5jGpKDdPhGbVUJqgTqh46cTSDvmyT0u1"
MD5 = "$1$abcdefgh$G//4keteveJp0qb8z2DxG/"
LINES = [  # name, field, what becomes of it: hashed, with --plain, or never
    ("kvt", "kvtpasswd", "plain"), ("abc", "abcpasswd", "plain"), ("md5", MD5, "stays"), ("sha", SHA512, "stays"),
    ("des", "abJnggxhB/yWI", "unclear"), ("thirteen", "elephants1234", "unclear"), ("dollar", "$ecret", "unclear"),
    ("brace", "{PLAIN}word", "unclear"), ("locked", "*", "stays"), ("bang", "!!", "stays"), ("shadow", "x", "stays"),
    ("empty", "", "stays"), ("utf8", "blåbær grød", "plain"), ("star2", "*abc", "stays"), ("spaces", " two words ", "plain"),
]
CHANGING = ("write", "rename", "renameat", "renameat2", "unlinkat", "fchown", "fchmod", "mkdirat")


def passwd(account, lines=LINES):
    body = "".join(f"{n}:{f}:{account.pw_uid}:{account.pw_gid}: {n.upper()}, :.:/bin/sh\n" for n, f, _ in lines)
    return "# first\n\n" + body.replace("abc:", "  # in between\nabc:", 1) + "\n# last\n"


def fields(text):
    return {l.split(":")[0]: l.split(":")[1] for l in text.decode().splitlines() if ":" in l}


def without_hashes(text):
    return re.sub(rb"(?m)^(\w+):[^:]*:", rb"\1::", text)


def verify(hash_, plain):
    """crypt(3) itself says whether it is the password's hash."""
    code = ("import ctypes,sys; c=ctypes.CDLL('libcrypt.so.1').crypt; c.restype=ctypes.c_char_p; "
            "sys.stdout.buffer.write(c(sys.argv[1].encode(), sys.argv[2].encode()))")
    return run([sys.executable, "-c", code, plain, hash_]).stdout.decode() == hash_


def becomes(h, a, text, args, kinds):
    path = f"{h.etc}/kvt.dk/passwd"
    before = read(path)
    r = h.admin("user", "password", "kvt.dk", "--hash-all", "-n", *args)
    contains(f"-n says how many {args}", r.stdout.decode(), f"{sum(k in kinds for _, _, k in LINES)} would be hashed")
    equal("and changes nothing", read(path), before)
    out = h.must_admin("user", "password", "kvt.dk", "--hash-all", *args)
    note(out)
    after = read(path)
    got = fields(after)
    for name, field, kind in LINES:
        if kind in kinds:
            check(f"{field!r} becomes its own yescrypt hash {args}", got[name].startswith("$y$") and verify(got[name], field), got[name])
        else:
            equal(f"{field!r} stays {args}", got[name], field)
    equal(f"order, comments and all other bytes stay {args}", without_hashes(after), without_hashes(before))
    r = h.admin("user", "password", "kvt.dk", "--hash-all", *args)
    equal(f"a second run changes nothing {args}", (r.returncode, read(path)), (0, after))


def tables(h, a):
    folder = f"{h.etc}/kvt.dk"
    for args, kinds in (([], ("plain",)), (["--plain"], ("plain", "unclear"))):
        write(f"{folder}/passwd", passwd(a), 0o700, a)
        becomes(h, a, passwd(a), args, kinds)
        equal("nobody else may read it", oct(os.stat(f"{folder}/passwd").st_mode & 0o077), "0o0")
    history = read(h.path("state", "history", "kvt.dk")).decode()
    contains("the history has it", history, "user password --hash-all kvt.dk")
    check("and no password", "abcpasswd" not in history and "$y$" not in history, history)


def symlink(h, a):
    folder, real = f"{h.etc}/kvt.dk", os.path.join(a.pw_dir, "passwd")
    for target in (real, os.path.relpath(real, folder)):
        write(real, passwd(a), 0o600, a)
        os.unlink(f"{folder}/passwd")
        os.symlink(target, f"{folder}/passwd")
        os.lchown(f"{folder}/passwd", a.pw_uid, a.pw_gid)
        h.must_admin("user", "password", "kvt.dk", "--hash-all")
        check(f"the symlink to {target} stays one", os.path.islink(f"{folder}/passwd"))
        check("no password is left in the file behind it", b"abcpasswd" not in read(real) and b"abc:$y$" in read(real), read(real))
        h.must_admin("user", "add", "new@kvt.dk", "--random")
        check("a new user goes into that file too", os.path.islink(f"{folder}/passwd") and b"new:$y$" in read(real), read(real))
    equal("no litter in either folder", sorted(os.listdir(folder) + [n for n in os.listdir(a.pw_dir) if not n.startswith(".forward")]),
          ["passwd", "passwd"])
    os.rename(real, real + ".2")
    os.symlink(real + ".2", real)
    r = h.admin("user", "password", "kvt.dk", "--hash-all", "--plain")
    equal("a symlink to a symlink is refused", (r.returncode, b"symlink" in r.stderr), (75, True))
    os.unlink(f"{folder}/passwd")


def refusals(h, a):
    path = f"{h.etc}/kvt.dk/passwd"
    for what, text, words in [
        ("a line that cannot be parsed", f"a:p:{a.pw_uid}:1:a:.:\nb:p:1:1:b:.:\n", "line 2"),
        ("no newline at the end", f"a:p:{a.pw_uid}:1:a:.:", "newline"),
        ("a line that grows too long", f"a:p:{a.pw_uid}:1:{'n' * 4030}:.:\n", "longer than"),
        ("a password that is too long", f"a:{'p' * 600}:{a.pw_uid}:1:n:.:\n", "longer than 511"),
    ]:
        write(path, text, 0o600, a)
        r = h.admin("user", "password", "kvt.dk", "--hash-all")
        check(f"{what}: said so, nothing changed", r.returncode in (1, 75) and words in r.stderr.decode() and read(path) == text.encode(), r)
        h.admin("domain", "list")
        equal(f"{what}: nothing is left to be finished", os.listdir(h.path("state", "pending")), [])
    for args in (["--random"], ["--hash", SHA512], ["--password-stdin"]):
        equal(f"not with {args[0]}", h.admin("user", "password", "kvt.dk", "--hash-all", *args).returncode, 2)
    equal("--plain alone is no option", h.admin("user", "password", "a@kvt.dk", "--plain", "--random").returncode, 2)
    equal("a domain that is not there", h.admin("user", "password", "nosuch.dk", "--hash-all").returncode, 1)


def kills(h, a):
    """Killed before the nth call of each kind, in root's process and in the child alike."""
    parts, saved = ("etc", "state", "run"), h.path("saved")
    old = passwd(a, LINES[:2] + LINES[4:5])
    write(f"{h.etc}/kvt.dk/passwd", old, 0o600, a)
    os.mkdir(saved, 0o700)
    must(["/usr/bin/cp", "-a", *[h.path(p) for p in parts], saved])
    count, seen, wrong = 0, set(), []
    for call in CHANGING:
        for nth in range(1, 60):
            for p in parts:
                shutil.rmtree(h.path(p))
            must(["/usr/bin/cp", "-a", *[os.path.join(saved, p) for p in parts], h.top])
            log = h.path("strace.log")
            run(["/usr/bin/strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}",
                 f"{h.bin}/postfix-virtual", "-c", h.etc, "user", "password", "kvt.dk", "--hash-all"])
            if b"killed by SIGKILL" not in read(log):
                break
            count += 1
            at_once = read(f"{h.etc}/kvt.dk/passwd")
            later = h.admin("domain", "list")
            after = read(f"{h.etc}/kvt.dk/passwd")
            hashed = [f.startswith("$y$") for f in fields(after).values()]
            history = read(h.path("state", "history", "kvt.dk")).count(b"--hash-all")
            good = without_hashes(at_once) == without_hashes(after) == without_hashes(old.encode())
            good = good and hashed in ([False, False, False], [True, True, False]) and later.returncode == 0
            good = good and os.listdir(f"{h.etc}/kvt.dk") == ["passwd"] and os.listdir(h.path("state", "pending")) == []
            good = good and history == (1 if hashed[0] else 0)
            seen.add(hashed[0])
            if not good:
                wrong.append(f"{call} {nth}: {after} {later} {history} {os.listdir(h.etc + '/kvt.dk')}")
    check(f"killed at {count} calls: the old file or the new one, whole, and one line of history", count > 10 and not wrong, "\n".join(wrong))
    equal("both ends were met", seen, {True, False})


def main():
    h = House()
    a = h.account("a")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    tables(h, a)
    symlink(h, a)
    refusals(h, a)
    os.unlink(h.path("state", "history", "kvt.dk"))
    kills(h, a)
    done()


main()
