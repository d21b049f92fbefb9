#!/usr/bin/python3
"""make demo: what it prints is true, and when it is over nothing of it is left."""
import os
import pwd
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402
from postfix import Postfix  # noqa: E402
from scratch import TOP  # noqa: E402

DEMO = os.path.join(TOP, "t", "demo")
UNTOUCHED = ("/etc/postfix", "/etc/virtual", "/var/spool/virtual", "/var/lib/virtual", "/run/virtual")

# What a reader must find in it, in this order.
SEEN = [
    "domain add kvt.dk --account kvt_dk",
    "user add abc@kvt.dk",
    "abc@kvt.dk",
    "@virtual.invalid",
    "C: RCPT TO:<abc@kvt.dk>",
    "S: 250 2.1.5 Ok",
    "C: From now on this domain has mail.",
    "S: 250 2.0.0 Ok: queued as ",
    "C: RCPT TO:<nosuch@kvt.dk>",
    "S: 550 5.1.1 ",
    'C: RCPT TO:<"other+ x"@kvt.dk>',
    "S: 550 5.1.1 ",
    "From s@example.org ",
    "X-Original-To: abc@kvt.dk",
    "Delivered-To: abc@kvt.dk",
    ">From now on this domain has mail.",
    ">>From here it is quoted",
    "status=sent",
    "ok: 1 domain",
    "S: +OK Virtual kvt.dk POP3 Server ready",
    "S: -ERR Begin TLS first, by STLS",
    "C: STLS",
    "S: +OK opened mailbox for abc@kvt.dk",
    "C: RETR 1",
    "S: From now on this domain has mail.",
    "S: >From here it is quoted",
    "C: QUIT",
    "S: +OK",
]


def snapshot():
    """Every file of the places that a demo must not touch, with its size and the time of its last change."""
    found = {}
    for top in UNTOUCHED:
        for folder, _, names in os.walk(top):
            for path in [folder] + [os.path.join(folder, n) for n in names]:
                try:
                    st = os.lstat(path)
                    found[path] = (st.st_size, st.st_ctime_ns, st.st_mode)
                except FileNotFoundError:
                    continue
    return found


def demo(*args):
    env = {k: os.environ[k] for k in ("PV_BUILD", "TMPDIR") if k in os.environ}
    p = subprocess.Popen([DEMO, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env=dict(scratch.CLEAN_ENV, **env))
    try:
        out = p.communicate(timeout=120)[0]
    except BaseException:
        p.terminate()  # it cleans up by itself
        p.wait(30)
        raise
    return p.returncode, out.decode(errors="replace")


def in_order(text):
    at = 0
    for part in SEEN:
        found = text.find(part, at)
        check(f"it shows: {part}", found >= 0, text[at:])
        at = max(at, found + len(part))


def folder_and_account(text):
    folder = re.search(r"(?m)^folder +(\S+)$", text)
    account = re.search(r"--shell /usr/sbin/nologin (\S+)", text)
    return folder and folder[1], account and account[1]


def has_account(name):
    return any(e.pw_name == name for e in pwd.getpwall())


def nothing_left(when, folder, account):
    check(f"{when}: its folder is gone", folder and not os.path.exists(folder), folder)
    check(f"{when}: its account is gone", account and not has_account(account), account)
    left = [p for p in filter(str.isdigit, os.listdir("/proc")) if belongs_to(p, folder)]
    equal(f"{when}: its processes are gone", left, [])


def belongs_to(pid, folder):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return (os.readlink(f"/proc/{pid}/cwd") + " " + f.read().decode(errors="replace")).find(folder or "\0") >= 0
    except OSError:
        return False


def once():
    status, text = demo("--once")
    equal("t/demo --once succeeds", status, 0)
    in_order(text)
    check("it finds nothing wrong", "WRONG" not in text and "Not as it should be" not in text, text)
    check("no colours where nobody looks", "\033" not in text)
    nothing_left("after --once", *folder_and_account(text))


def left_running():
    status, text = demo()
    folder, account = folder_and_account(text)
    equal("t/demo succeeds", status, 0)
    try:
        check("it leaves a Postfix running", Postfix(folder, make=False).master_pid(), text)
        command = re.search(r"(?m)^    curl (.*) --user abc (pop3\S*)$", text)
        password = re.search(r"(?m)^    password: (\S+)$", text)
        netrc = scratch.write(os.path.join(scratch.folder(), "netrc"),
                              f"machine 127.0.0.1 login abc password {password[1] if password else ''}\n", 0o600)
        r = subprocess.run(["/usr/bin/curl", "-s", "--netrc-file", netrc, *command[1].split(), command[2].rpartition("/")[0]],
                           env=scratch.CLEAN_ENV, check=False, stdout=subprocess.PIPE) if command else None
        check("the command that it gives for POP3 works", r and r.returncode == 0, (text, r))
        contains("it says how to stop it", text, f"t/demo --stop {folder}")
        command = re.search(r"(?m)^    (python3 -c .*)$", text)
        r = subprocess.run(["/bin/sh", "-c", command[1]], env=scratch.CLEAN_ENV, check=False) if command else None
        check("the command that it gives for a message works", r and r.returncode == 0, text)
        box = os.path.join(folder, "spool", "kvt.dk", "abc")
        check("and the message arrives", scratch.wait_for(lambda: b"Subject: hi\n" in scratch.read(box)), scratch.read(box))
    finally:
        status, text = demo("--stop", folder or "/nonexistent")
    equal("t/demo --stop succeeds", status, 0)
    nothing_left("after --stop", folder, account)


def refuses_other_folders():
    """--stop removes a folder: only one that a demo made."""
    folder = scratch.folder()
    for path in (folder, "/", "/nonexistent"):
        status, text = demo("--stop", path)
        check(f"--stop {'of a folder of others' if path == folder else path} is refused", status == 1 and "no folder of a demo" in text, text)
    check("and the folder is still there", os.path.isdir(folder))
    equal("an unknown option is a usage error", demo("--what")[0], 2)


def main():
    scratch.need_root()
    before = snapshot()
    once()
    left_running()
    refuses_other_folders()
    equal("nothing in " + ", ".join(UNTOUCHED) + " was touched", snapshot(), before)
    done()


main()
