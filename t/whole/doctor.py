#!/usr/bin/python3
"""postfix-virtual doctor as a program: usage, exit status, --plugin, --json, --changes, --mail, who may ask; disks,
Dovecot's locks, several instances, a hostile account.
"""
import json
import os
import pty
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from doctor import WELL, Doctor, added, aside, mode  # noqa: E402
from postfix import Postfix  # noqa: E402
from scratch import must, read, run, small_disk, wait_for, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

d = Doctor(spool_size="2m")
h, a = d.house, d.a


def usage():
    for args, part in (
            (("a.dk", "b.dk"), "it is: postfix-virtual doctor [DOMAIN]"), (("--bogus",), "`--bogus` is no option"), (("kvt.dk", "--all"), "either a domain or --all"),
            (("--mail", "root"), "--mail sends what --changes prints"), (("--all", "--zones"), "--zones needs a value"), (("--yes",), "--yes is no option of this command"),
            (("--resolver", "127.0.0.1:53"), "the network is asked about a domain"), (("--all", "--resolver", "x"), "is no IPv4 address"),
            (("--all", "--resolver", "127.0.0.1:0"), "is no IPv4 address"), (("--all", "--resolver", "127.0.0.1:65536"), "is no IPv4 address"),
            (("--all", "--smtp-port", "70000"), "--smtp-port 70000 is no port"), (("kvt.dk", "--zones", "x"), "--zones needs --all"),
            (("--plugin", "--json"), "not with --json or --changes"), (("--plugin", "--changes"), "not with --json or --changes"), (("not a domain",), "not a domain"),
            (("--changes", "--mail", "root -O/x"), "is neither an address nor a local user"), (("--changes", "--mail", "-Cx"), "is neither an address nor"),
            (("--changes", "--mail", "a@b.dk\nBcc: c@d.dk"), "is neither an address nor")):
        status, out, err = d.run(*args)
        check(f"doctor {' '.join(args)!r}: unknown, and the reason", status == 3 and out == "" and part in err, (status, out, err))
    r = h.admin("--bogus", "domain", "list")
    equal("other commands keep theirs", r.returncode, 2)
    equal("--help is no question", d.run("--help")[0], 0)


def store():
    path = os.path.join(h.etc, "virtual.conf")
    before = read(path)
    write(path, before + b"nonsense = 1\n")
    status, out, err = d.run()
    check("settings that cannot be read are critical", status == 2 and err == "" and out.startswith(f"critical: {h.etc}: ") and "nonsense" in out, (status, out, err))
    check("for a plugin too", d.run("--plugin")[1].startswith(f"CRITICAL - 0 domains, 1 finding, first: {h.etc}: "))
    write(path, before)
    r = run([f"{h.bin}/postfix-virtual", "-c", h.path("nowhere"), "doctor"])
    check("and so is a folder that is not there", r.returncode == 2 and r.stdout.startswith(b"critical: "), r)


def forms():
    """One finding of each kind of output."""
    forward = os.path.join(a.pw_dir, ".forward+abc--kvt.dk")
    equal("plugin, all is well", d.run("--plugin"), (0, "OK - 3 domains | domains=3 critical=0 warning=0 unknown=0\n", ""))
    equal("JSON, all is well", d.run("--json"), (0, "[]\n", ""))
    make, mend = mode(forward, 0o666)
    make()
    text = f"Postfix passes it by, since {forward} is writable by all: chmod 600 it"
    equal("text", d.run(), (1, f"warning: abc@kvt.dk: {text}\n", ""))
    equal("plugin", d.run("--plugin"), (1, f"WARNING - 3 domains, 1 finding, first: abc@kvt.dk: {text} | domains=3 critical=0 warning=1 unknown=0\n", ""))
    status, out, err = d.run("--json")
    equal("JSON", (status, json.loads(out), err), (1, [{"id": "forward", "severity": "warning", "object": "abc@kvt.dk", "text": text}], ""))
    master, slave = pty.openpty()
    pid = os.fork()
    if pid == 0:
        os.dup2(slave, 1)
        os.execv(f"{h.bin}/postfix-virtual", ["postfix-virtual", "-c", h.etc, "doctor"])
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.waitpid(pid, 0)
    os.close(master)
    check("colours on a terminal", shown.startswith(b"\x1b[33mwarning\x1b[0m: abc@kvt.dk"), shown)
    status, out, err = d.run("-n", "--fix", "--json")
    check("what a repair would do is on stderr for JSON", status == 1 and json.loads(out) and err == f"would be done: chmod 0600 {forward}\n", (status, out, err))
    # a bar in a finding does not begin a plugin's figures
    odd = os.path.join(a.pw_dir, ".forward+abc--two.dk")
    text = read(odd)
    write(odd, text.replace(b"abc@two.dk", b"abc@kvt.dk") * 2, 0o600, a)
    equal("one bar in a plugin's line", d.run("--plugin")[1].count("|"), 1)
    write(odd, text, 0o600, a)
    mend()
    r = run(["/bin/sh", "-c", f"{h.bin}/postfix-virtual -c {h.etc} doctor >/dev/full"])
    check("output that does not arrive is unknown", r.returncode == 3 and b"No space left" in r.stderr, r)


def changes():
    forward = os.path.join(a.pw_dir, ".forward+abc--kvt.dk")
    state = h.path("state", "doctor", "host")
    equal("changes, at first: nothing", d.run("--changes"), (0, "", ""))
    make, mend = mode(forward, 0o666)
    make()
    status, out, _ = d.run("--changes")
    check("new", status == 1 and re.fullmatch(r"new: warning: abc@kvt.dk: .*\n", out), (status, out))
    equal("the second time it is no news, and still a warning", d.run("--changes"), (1, "", ""))
    mend()
    status, out, _ = d.run("--changes", "--json")
    found = json.loads(out)
    equal("gone", (status, [(f["change"], f["id"]) for f in found]), (0, [("gone", "forward")]))
    equal("and then nothing", d.run("--changes"), (0, "", ""))
    equal("the file is root's alone", oct(os.stat(state).st_mode & 0o777), "0o600")
    make()
    d.run("--changes")
    for damage in (b"", b"warning\tforward\n", b"\0" * 100, b"warning\tforward\tabc@kvt.dk\ttext", b"x\ty\tz\tt\n" * 1000):
        write(state, damage, 0o600)
        status, out, err = d.run("--changes")
        check(f"a damaged memory ({damage[:12]!r}) at most repeats", status == 1 and not err and out.count("new: ") <= 1, (status, out, err))
    equal("other scopes have their own", d.run("kvt.dk", "--changes", "--smtp-port", "0", "--pop3-port", "0", "--resolver", "127.0.0.1:9")[1].count("new:"), 2)
    mend()
    d.run("--changes")
    # two faults of one kind at one place; a figure is no news
    box, second = os.path.join(h.etc, "kvt.dk", "passwd"), re.compile(r"new: warning: kvt.dk: .*the password of abc is no hash.*\n")
    text = read(box)
    write(box, text + b"none::%d:%d::.:\n" % (a.pw_uid, a.pw_gid), 0o600, a)
    h.maps()
    check("one of a kind", "user none has no password" in d.run("--changes")[1])
    write(box, re.sub(rb"abc:[^:]*", b"abc:secret", read(box)), 0o600, a)
    check("a second one of that kind is new", second.fullmatch(d.run("--changes")[1]))
    write(box, b"# a line more\n" + read(box), 0o600, a)
    equal("the same one line lower is not", d.run("--changes"), (1, "", ""))
    write(box, text, 0o600, a)
    h.maps()
    equal("both are gone", d.run("--changes")[1].count("gone: warning: kvt.dk: "), 2)
    # a kill while it is written leaves the old one
    before = read(state)
    make()
    for call in ("fsync", "renameat"):
        run(["/usr/bin/strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when=1", f"{h.bin}/postfix-virtual", "-c", h.etc, "doctor", "--changes"])
        equal(f"a kill at {call}: the old memory", read(state), before)
    check("and the next run tells it", d.run("--changes")[1].startswith("new: "))
    mend()
    d.run("--changes")


def mail():
    """Through the real sendmail, which takes no other configuration than the main one: here ours is it."""
    forward = os.path.join(a.pw_dir, ".forward+abc--kvt.dk")
    h.write_settings(postfix_config_directory="/etc/postfix")

    def ask():
        return run(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", f"mount --bind {h.postfix.config} /etc/postfix && exec {h.bin}/postfix-virtual -c {h.etc}"
                    " doctor --changes --mail abc@two.dk"])
    make, mend = mode(forward, 0o666)
    ask()
    h.postfix.wait_empty()
    box = f"{h.spool}/two.dk/abc"
    before = read(box).count(b"Subject: postfix-virtual doctor")
    make()
    r = ask()
    check("what is new is not printed, but sent", r.stdout == b"" and r.returncode in (1, 2), r)
    check("and arrives", wait_for(lambda: read(box).count(b"Subject: postfix-virtual doctor: host") > before), h.postfix.log()[-2000:])
    text = read(box).decode()
    contains("with the finding", text, "new: warning: abc@kvt.dk: Postfix passes it by")
    contains("from nobody, so that nothing answers it", text, "Return-Path: <>")
    count = text.count("Subject:")
    ask()
    h.postfix.wait_empty()
    equal("nothing new: no letter", read(box).decode().count("Subject:"), count)
    mend()
    h.write_settings(postfix_config_directory=h.postfix.config)


def who():
    """An account may look at what is its own."""
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "doctor", "--json"], user=a.pw_uid, group=a.pw_gid, extra_groups=[])
    found = json.loads(r.stdout)
    check("what it may not see is unknown", r.returncode == 3 and {f["severity"] for f in found} == {"unknown"} and any("only root can" in f["text"] for f in found), r)
    check("its own accounts' files it may", not any(a.pw_name in f["text"] for f in found), found)
    check("another's it may not", any(d.b.pw_name in f["text"] and f["object"] == "other.dk" for f in found), found)
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "doctor", "--fix"], user=a.pw_uid, group=a.pw_gid, extra_groups=[])
    check("only root repairs", r.returncode == 3 and b"only root can repair" in r.stderr, r)
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "doctor", "--changes"], user=a.pw_uid, group=a.pw_gid, extra_groups=[])
    check("only root remembers", r.returncode == 3, r)


def disks():
    st = os.statvfs(h.spool)
    path = os.path.join(h.spool, "fill")
    d.fault("the mailboxes' disk at 95 %", *added(path, b"x" * int(st.f_bavail * st.f_frsize * 0.95)), "warning", h.spool, "is over 90 % full")

    def fill():
        with open(path, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096):
                    pass
            except OSError:
                pass
    d.fault("full", fill, lambda: os.unlink(path), "critical", h.spool, "is over 90 % full")
    names = [os.path.join(h.spool, f"i{i}") for i in range(int(st.f_favail * 0.97))]
    if len(names) < 5000:  # as small_disk() has it: an inode for each 4 KB or so
        d.fault("its inodes", lambda: [write(n, "") for n in names], lambda: [os.unlink(n) for n in names], "warning", h.spool, "disk's inodes are used")
    home = a.pw_dir
    small_disk(home, "400k", a, 0o700)
    d.fault("a home's disk", *added(os.path.join(home, "fill"), b"x" * 390000, 0o600, a), "warning", os.path.dirname(home), "disk is over 90 % full")
    must(["/usr/bin/umount", home])


def dovecot():
    """Dovecot's own program, with a configuration of ours in the place of its own."""
    def ask(*lines):
        conf = write(h.path("dovecot.conf"), "".join(f"{l}\n" for l in ("protocols =", "ssl = no", *lines)))
        return run(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", f"mount --bind {conf} /etc/dovecot/dovecot.conf && exec {h.bin}/postfix-virtual -c {h.etc} doctor"])
    equal("Dovecot's locks as Debian has them", ask("mbox_write_locks = fcntl dotlock").stdout.decode(), WELL[1])
    r = ask("mbox_write_locks = fcntl")
    check("without dotlock", r.returncode == 1 and re.fullmatch(rb"warning: dovecot: mbox_write_locks is `fcntl`, .*: say `mbox_write_locks = dotlock fcntl`.*\n", r.stdout), r)
    r = ask("mbox_write_locks = dotlock", "mbox_read_locks = flock")
    check("a reader without either", r.returncode == 1 and b"mbox_read_locks is `flock`" in r.stdout, r)
    equal("a Dovecot that is broken is its own trouble", ask("nonsense = 1").stdout.decode(), WELL[1])


def hostile():
    """An account that puts what it likes where doctor looks."""
    home = a.pw_dir
    began = time.monotonic()
    for i in range(1000):
        os.symlink("/etc/shadow", os.path.join(home, f".forward+u{i}--kvt.dk"))
    evil = os.path.join(home, ".forward+abc--kvt.dk\n\x1b[31mcritical: x")
    write(evil, "x\n", 0o600, a)
    status, out, err = d.run()
    check("a thousand .forward files of nobody", status == 1 and 100 < out.count("is of no user") <= 201 and not err, (status, out[:500], err))
    check("nothing of theirs reaches the terminal", re.fullmatch(r"([ -~]*\n)*", out), out[:500])
    for i in range(1000):
        os.unlink(os.path.join(home, f".forward+u{i}--kvt.dk"))
    os.unlink(evil)
    passwd = os.path.join(h.etc, "kvt.dk", "passwd")
    make, mend = aside(passwd)
    make()
    os.mkfifo(passwd, 0o600)
    os.chown(passwd, a.pw_uid, a.pw_gid)
    status, out, err = d.run()
    check("a FIFO for passwd", status == 2 and "critical: kvt.dk: its keys" in out and not err, (status, out, err))
    os.unlink(passwd)
    mend()
    spool = os.path.join(h.spool, "kvt.dk", ".x.journal")
    os.mkfifo(spool)
    os.chown(spool, a.pw_uid, a.pw_gid)
    os.utime(spool, (1, 1))
    equal("a FIFO for a journal", d.run(), WELL)
    os.unlink(spool)
    os.rename(home, home + ".aside")
    os.symlink("/", home)
    status, out, _ = d.run()
    check("a home that is a symlink to /", status == 1 and "belongs to uid 0" not in out or status in (0, 1), (status, out))
    os.unlink(home)
    os.rename(home + ".aside", home)
    d.well("all as before")
    check("none of it takes long", time.monotonic() - began < 60)


def kinds():
    """A domain of Postfix's own kind, an alias, a domain in U-labels: none is a fault."""
    h.must_admin("domain", "add", "std.dk", "--postfix", "--account", a.pw_name)
    h.must_admin("domain", "alias", "alias.dk", "kvt.dk")
    h.must_admin("domain", "add", "blåbær.dk", "--account", a.pw_name)
    equal("six domains, all well", d.run(), (0, "ok: 6 domains\n", ""))
    h.must_admin("domain", "delete", "std.dk", "--yes")
    h.must_admin("domain", "delete", "alias.dk", "--yes")
    h.must_admin("domain", "delete", "blåbær.dk", "--yes")


def instances():
    """A second Postfix: whatever is asked of one is asked of each."""
    second = Postfix(h.path("second"))
    h.write_settings(postfix_config_directory=f"{h.postfix.config}, {second.config}")
    status, out, err = d.run()
    check("one that does not run, and has none of our words", status == 2 and f"critical: {second.config}: Postfix does not run" in out and second.config + "/ma" in out and not err, (status, out, err))
    second.start()
    h.must_admin("setup", "--yes")
    d.well("two instances")
    second.set(mailbox_delivery_lock="fcntl", mydestination="kvt.dk")
    d.find("a fault of the second", "warning", second.config, rf"mailbox_delivery_lock \({re.escape(second.config)}/main.cf, line \d+\)")
    d.find("a domain that it claims", "critical", "kvt.dk", rf"mydestination \({re.escape(second.config)}/main.cf")
    second.stop()
    h.write_settings(postfix_config_directory=h.postfix.config)
    d.well("one again")


def main():
    d.well("all is well")
    usage()
    store()
    forms()
    changes()
    mail()
    who()
    disks()
    dovecot()
    hostile()
    kinds()
    instances()
    done()


main()
