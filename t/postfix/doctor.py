#!/usr/bin/python3
"""postfix-virtual doctor on a real Postfix, Postfix's own part: each fault is made, is found with its place and
its mend, is mended, and is gone.
"""
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from doctor import HASH, Doctor  # noqa: E402
from scratch import must, read, run, wait_for, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

d = Doctor()
h, a = d.house, d.a


def postfix_faults():
    main = re.escape(d.file("main.cf"))
    path = re.escape(d.file("virtual"))
    make, mend = d.setting(virtual_mailbox_domains="two.dk")
    make()
    out = d.run()[1]
    check("a domain of virtual_mailbox_domains too is told of once", out.count("critical: two.dk: ") == 1 and "stay as they were" not in out, out)
    mend()
    d.fault("a domain in mydestination", *d.setting(mydestination="$myhostname, localhost, two.dk"), "critical", "two.dk",
          rf"mydestination \({main}, line \d+\)", alone=False)
    d.fault("a domain in virtual_mailbox_domains", *d.setting(virtual_mailbox_domains="two.dk"), "critical", "two.dk",
          rf"virtual_mailbox_domains \({main}, line \d+\).*take it out", alone=False)
    d.fault("a domain in a table of relay_domains", *d.edit("relay", "kvt.dk OK\n"), "critical", "kvt.dk", rf"relay_domains \({main}, line \d+\)", alone=False)
    d.fault("a catch-all in a hand-made table", *d.edit("virtual", "# a comment\n@kvt.dk root\n"), "warning", "kvt.dk",
          rf"takes mail for all who are no users.*: {path}, line 4: take that line out")
    d.fault("a domain in a hand-made table", *d.edit("virtual", "two.dk anything\n"), "warning", "two.dk",
          rf"has the domain too.*: {path}, line 3:")
    d.fault("the regexp of 2002 in front", *d.edit("own.pcre", "if /x/\nendif\n# old\n/^(.+)@(.+\\.)?(kvt\\.dk)$/ kvt_dk+$1--$2$3\n/./ x\n", False),
          "critical", "kvt.dk", rf"answers for every user of the domain.*{re.escape(d.file('own.pcre'))}, line 5:", alone=False)
    behind = (lambda: h.postfix.set(virtual_alias_maps=h.postfix.value("virtual_alias_maps") + ", regexp:" + write(d.file("behind"), "/@two.dk$/ root\n")),
              lambda: h.postfix.set(virtual_alias_maps=h.postfix.value("virtual_alias_maps").rpartition(",")[0]))
    for setting in ("recipient_canonical_maps", "canonical_maps"):
        source = write(d.file("canonical"), "# of before\n/^(.+)@kvt.dk$/ root\n")
        d.fault(f"a catch-all in {setting}", *d.setting(**{setting: "pcre:" + source}), "critical", "kvt.dk",
              rf"a table of {setting} that is not ours answers for every user of the domain.*{re.escape(source)}, line 2:", alone=False)
    make, mend = behind
    make()
    d.find("a regexp behind ours", "warning", "two.dk", rf"answers for every user.*{re.escape(d.file('behind'))}, line 1:")
    mend()
    d.well("a regexp behind ours: mended, and gone")
    d.fault("a table that cannot be asked", *d.setting(virtual_alias_maps=h.postfix.value("virtual_alias_maps") + ", hash:/nowhere/nothing"),
          "unknown", "hash:/nowhere/nothing", "stands in virtual_alias_maps and cannot be asked", alone=False)
    before = h.postfix.value("transport_maps")
    d.fault("our word in transport_maps is gone", lambda: h.postfix.set(transport_maps=""), lambda: h.postfix.set(transport_maps=before), "critical",
          h.postfix.config, r"missing or was changed \(.*main.cf, line \d+, should say `transport_maps = inline.*: postfix-virtual setup")
    maps = h.postfix.value("virtual_alias_maps")
    words = [w.strip() for w in re.split(r",(?![^{]*\})", maps)]
    d.fault("our words are out of order", *d.setting(virtual_alias_maps=", ".join(words[2:] + words[:2])), "critical", h.postfix.config,
          "should say `virtual_alias_maps = ", alone=False)
    master = read(d.file("master.cf"))
    d.fault("vlocal was changed", lambda: write(d.file("master.cf"), master.replace(b"mailbox_size_limit=0", b"mailbox_size_limit=1000")),
          lambda: write(d.file("master.cf"), master), "critical", h.postfix.config, r"master.cf, line \d+, should say `    -o mailbox_size_limit=0")
    d.fault("vlocal is gone", lambda: h.postfix.postconf("-MX", "vlocal/unix"), lambda: write(d.file("master.cf"), master), "critical",
          h.postfix.config, "vlocal")
    d.fault("header_checks that drop Received", lambda: (write(d.file("privacy"), "# privacy\n/^X-Foo:/ IGNORE\n/^Received:/ IGNORE\n"),
                                                         h.postfix.set(header_checks="pcre:" + d.file("privacy"))),
          lambda: h.postfix.set(header_checks=""), "warning", h.postfix.config, rf"{re.escape(d.file('privacy'))}, line 3 takes away the Received line")
    received_lines()
    d.fault("no dotlock", *d.setting(mailbox_delivery_lock="fcntl"), "warning", h.postfix.config,
          rf"mailbox_delivery_lock \({main}, line \d+\) has no `dotlock`")
    d.fault("pipes in aliases switched off, as in 2002", *d.setting(allow_mail_to_commands="forward"), "note", h.postfix.config, "has no `alias`", alone=False)


def received_lines():
    """Each line with a queue id that Postfix itself writes, and each way to lose it."""
    source = d.file("lines")
    for sentence, text, lost in (
            ("of those who logged in", "/^Received: .*with ESMTPSA/ IGNORE\n", True), ("of local mail", "/^Received: by .*from userid/ STRIP x\n", True),
            ("by TLS", "/^Received: .*using TLSv1/ IGNORE\n", True), ("put in another's place", "/^Received: (.*)/ REPLACE X-Received: $1\n", True),
            ("of other hosts", "/^Received: .*\\(Exim/ IGNORE\n", False), ("whose client is hidden", "/^Received: from .*(by .*)$/ REPLACE Received: $1\n", False), ("that is only logged", "/^Received:/ WARN seen\n", False)):
        make, mend = (lambda: (write(source, text), h.postfix.set(header_checks="pcre:" + source))), lambda: h.postfix.set(header_checks="")
        if lost:
            d.fault(f"Received lines {sentence}", make, mend, "warning", h.postfix.config, rf"{re.escape(source)}, line 1 takes away the Received line")
        else:
            make()
            d.well(f"Received lines {sentence}")
            mend()


def delimiter():
    h.postfix.set(recipient_delimiter="")
    d.find("no delimiter", "warning", h.postfix.config, r"recipient_delimiter \(.*\) is empty")
    h.postfix.set(recipient_delimiter="+")
    d.well("no delimiter: mended, and gone")


def maps():
    """Files that changed without us; tables and texts that do not agree."""
    passwd = f"{h.etc}/kvt.dk/passwd"
    line = f"new:{HASH}:{a.pw_uid}:{a.pw_gid}:n:.:\n"
    before = read(passwd)
    write(passwd, before + line.encode(), 0o600, a)
    d.find("a user by hand", "critical", h.map_folder, r"first: `\+new@kvt.dk .*make-postfix-maps$")
    r = d.run("-n", "--fix")
    check("-n --fix says what it would do", r[0] == 2 and r[1].startswith("would be done: make-postfix-maps"), r)
    equal("--fix does it", d.run("--fix"), (0, "done: make-postfix-maps: the tables are brought up to date\nok: 3 domains\n", ""))
    check("the key is there", b"new@kvt.dk" in read(f"{h.map_folder}/virtual"))
    write(passwd, before, 0o600, a)
    h.maps()
    d.fault("a line of passwd that cannot be parsed", lambda: write(passwd, before + b"x:y\n", 0o600, a), lambda: write(passwd, before, 0o600, a),
          "critical", "kvt.dk", rf"its keys in the tables stay as they were: {re.escape(passwd)}, line 3:", alone=False)
    table = f"{h.map_folder}/virtual.lmdb"
    kept = read(table)
    # postmap by hand, of a text that is not the one there
    other = write(h.path("other"), b"".join(l for l in read(f"{h.map_folder}/virtual").splitlines(True) if b"abc@two.dk" not in l))
    must(["/usr/sbin/postmap", "-c", h.postfix.config, "lmdb:" + other])
    d.fault("a table that is not its text", lambda: write(table, read(other + ".lmdb"), 0o640), lambda: write(table, kept, 0o640), "critical",
          f"{h.map_folder}/virtual", r"differs from its text \(line \d+: `abc@two.dk`", alone=False)
    write(table, read(other + ".lmdb"), 0o640)
    equal("--fix builds it anew", d.run("--fix")[0::2], (0, ""))
    check("abc@two.dk is taken again", wait_for(lambda: h.postfix.rcpt("abc@two.dk").startswith("250")))
    for name in ("virtual.lmdb", "virtual", "virtual_domains.lmdb", "virtual_senders.lmdb", "virtual_refused.lmdb", "virtual_regexp",
                 "virtual_refused_regexp"):
        path = f"{h.map_folder}/{name}"
        os.unlink(path)
        d.find(f"{name} is gone", "critical", path.removesuffix(".lmdb"), "cannot be (opened|read).*: make-postfix-maps")
        equal(f"{name} is gone: --fix makes it", d.run("--fix")[0::2], (0, ""))
        d.well(f"{name} is there again")
    d.fault("a domain without postmaster", lambda: (write(f"{h.etc}/domains", read(f"{h.etc}/domains").replace(b"kvt.dk ", b"kvt.dk own=postmaster ")), h.maps()),
          lambda: (write(f"{h.etc}/domains", read(f"{h.etc}/domains").replace(b"own=postmaster ", b"")), h.maps()), "warning", "kvt.dk",
          "postmaster@kvt.dk leads nowhere")


def reload():
    """A daemon that is older than virtual_regexp."""
    h.postfix.rcpt("abc@kvt.dk")
    text = f"{h.map_folder}/virtual_regexp"
    st = os.stat(text)
    os.utime(text, (time.time() + 100, time.time() + 100))
    h.postfix.rcpt("abc@kvt.dk")
    d.find("a reload is due", "warning", h.postfix.config, rf"its daemon (smtpd|cleanup|trivial-rewrite) is older than {re.escape(text)}.*postfix -c \S+ reload")
    os.utime(text, (st.st_atime, st.st_mtime))
    d.well("no reload is due")


def queue():
    """Mail that waits: by a home that is away; and a day passes."""
    os.rename(a.pw_dir, a.pw_dir + ".aside")
    h.postfix.send("abc@kvt.dk", b"Subject: waits\n\nx\n")
    check("it is deferred", h.postfix.wait_deferred(1))
    os.rename(a.pw_dir + ".aside", a.pw_dir)
    d.well("mail that waits for a moment is no fault")
    # A clock of its own for doctor, a day ahead.
    library = h.path("later.so")
    source = write(h.path("later.c"), "#include <time.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"
                   "time_t time(time_t *t) { struct timespec s; syscall(SYS_clock_gettime, CLOCK_REALTIME, &s);"
                   " if (t) *t = s.tv_sec + 90000; return s.tv_sec + 90000; }\n")
    must(["/usr/bin/gcc", "-shared", "-fPIC", "-o", library, source])
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "doctor"], env={"LD_PRELOAD": library})
    check("after a day it is told of", r.returncode == 1 and re.fullmatch(
        rb"warning: kvt.dk: 1 of its recipients have waited in the queue for over a day \(.*\): mend that, then postqueue -f\n", r.stdout), r)
    h.postfix.flush()
    check("and delivered", h.postfix.wait_empty())
    d.well("then nothing waits")


def stopped():
    h.postfix.stop()
    status, out, err = d.run()
    equal("a Postfix that does not run", (status, out, err), (2, f"critical: {h.postfix.config}: Postfix does not run: postfix -c {h.postfix.config} start\n", ""))
    h.postfix.start()
    d.well("and runs again")


def main():
    d.well("all is well: one line")
    postfix_faults()
    delimiter()
    maps()
    reload()
    queue()
    stopped()
    done()


main()
