#!/usr/bin/python3
"""The table of recipients on a real Postfix: what smtpd answers an outside client, and where the mail ends.

The Postfix settings are samples/main.cf and samples/master.cf; the domains are files written by hand, as in 2002;
the tables are written by make-postfix-maps.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
from house import House, messages  # noqa: E402
from scratch import read, run, write  # noqa: E402

FORWARD, COMMAND = ".forward+", "mailbox_command"  # by which way a message comes to virtual-deliver
OWN = "home/{a}/Mail/mailbox"                      # a mailbox in a home
HOST = "home/{host}/Mailbox"                       # of the host's postmaster

# recipient, the answer to RCPT, the mailbox, the way to it
TABLE = [
    ("abc@kvt.dk", "250", "spool/kvt.dk/abc", FORWARD),
    ("ABC@KVT.DK", "250", "spool/kvt.dk/abc", FORWARD),
    ("Abc@kvt.DK", "250", "spool/kvt.dk/abc", FORWARD),
    ("kvt@kvt.dk", "250", OWN, COMMAND),
    ("plain@kvt.dk", "250", "spool/kvt.dk/plain", COMMAND),
    ("writable@kvt.dk", "250", "spool/kvt.dk/writable", COMMAND),
    ("link@kvt.dk", "250", "spool/kvt.dk/link", COMMAND),
    ("foreign@kvt.dk", "250", "spool/kvt.dk/foreign", COMMAND),
    ("folder@kvt.dk", "250", "spool/kvt.dk/folder", COMMAND),
    ("abc+tag@kvt.dk", "250", "spool/kvt.dk/abc", COMMAND),
    ("abc+a+b@kvt.dk", "250", "spool/kvt.dk/abc", COMMAND),
    ("ABC+Tag@kvt.dk", "250", "spool/kvt.dk/abc", COMMAND),
    ("a--b@kvt.dk", "250", "spool/kvt.dk/a--b", COMMAND),
    # a second domain of the same account, and two of another one
    ("abc@second.dk", "250", "spool/second.dk/abc", COMMAND),
    ("abc@other.dk", "250", "spool/other.dk/abc", COMMAND),
    ("me@shop.kvt.dk", "250", "spool/shop.kvt.dk/me", COMMAND),
    # a domain alias
    ("abc@kvt.org", "250", "spool/kvt.dk/abc", FORWARD),
    ("plain+t@kvt.org", "250", "spool/kvt.dk/plain", COMMAND),
    # aliases: plain ones travel by their own name, tagged ones too, others lead to their targets
    ("info@kvt.dk", "250", "spool/kvt.dk/plain", COMMAND),
    ("Info+t@kvt.org", "250", "spool/kvt.dk/plain", COMMAND),
    ("plain+vip@kvt.dk", "250", "spool/kvt.dk/abc", COMMAND),
    ("PLAIN+VIP@kvt.dk", "250", "spool/kvt.dk/abc", COMMAND),
    ("plain+vip+x@kvt.dk", "250", "spool/kvt.dk/plain", COMMAND),
    ("news+x@kvt.dk", "250", "spool/kvt.dk/plain", COMMAND),
    ("o'c@kvt.dk", "250", "spool/kvt.dk/abc", FORWARD),
    ("O'C+t@kvt.org", "250", "spool/kvt.dk/abc", COMMAND),
    ("bl\u00e5b\u00e6r@kvt.dk", "250", "spool/kvt.dk/plain", COMMAND),
    ("BL\u00c5B\u00c6R@kvt.dk", "250", "spool/kvt.dk/plain", COMMAND),
    ("more@kvt.dk", "250", "spool/kvt.dk/plain", COMMAND),
    # full names, and a responder
    ("joe.who@names.dk", "250", "spool/names.dk/joe", COMMAND),
    ("Joe.Who+t@names.dk", "250", "spool/names.dk/joe", COMMAND),
    # the host's addresses in every domain
    ("postmaster@kvt.dk", "250", HOST, None),
    ("abuse@kvt.dk", "250", HOST, None),
    ("Postmaster@other.dk", "250", HOST, None),
    ("postmaster@kvt.org", "250", HOST, None),
    # unless root gave one to the domain
    ("postmaster@own.dk", "250", "spool/own.dk/postmaster", COMMAND),
    ("abuse@own.dk", "250", HOST, None),
    # a catch-all takes every form, and a real user goes before it
    ("postmaster@catch.dk", "250", HOST, None),
    ("any@catch.dk", "250", "spool/catch.dk/all", COMMAND),
    ("any+tag@catch.dk", "250", "spool/catch.dk/all", COMMAND),
    ("all@catch.dk", "250", "spool/catch.dk/all", COMMAND),
    ("real@catch.dk", "250", "spool/catch.dk/real", COMMAND),
    ('"odd + one"@catch.dk', "250", "spool/catch.dk/all", COMMAND),
    ('"other+ x"@catch.dk', "250", "spool/catch.dk/all", COMMAND),
    ('"a,b"@catch.dk', "250", "spool/catch.dk/all", COMMAND),
    ("a..b@catch.dk", "250", "spool/catch.dk/all", COMMAND),
    ("o'c@catch.dk", "250", "spool/catch.dk/all", COMMAND),
    ("a$c@catch.dk", "250", "spool/catch.dk/all", COMMAND),
    # refused while the sender is on the line
    ("old@kvt.dk", "550 5.1.1", None, None),
    ("off@names.dk", "550 5.1.1", None, None),
    ("john.who@names.dk", "550 5.1.1", None, None),
    ("both@names.dk", "550 5.1.1", None, None),
    ("news@kvt.dk", "550 5.1.1", None, None),
    ("info@second.dk", "550 5.1.1", None, None),
    ("nosuch@kvt.dk", "550 5.1.1", None, None),
    ("nosuch+tag@kvt.dk", "550 5.1.1", None, None),
    ("abc@shop.kvt.dk", "550 5.1.1", None, None),
    ("nosuch@kvt.org", "550 5.1.1", None, None),
    ("plain@second.dk", "550 5.1.1", None, None),
    ('"x+ y"@kvt.dk', "550 5.1.1", None, None),
    ('"other+ x"@kvt.dk', "550 5.1.1", None, None),
    ('"abc "@kvt.dk', "550 5.1.1", None, None),
    ('"a,b"@kvt.dk', "550 5.1.1", None, None),
    ('""@kvt.dk', "550 5.1.1", None, None),
    ("a..b@kvt.dk", "550 5.1.1", None, None),
    (".abc@kvt.dk", "550 5.1.1", None, None),
    ("abc.@kvt.dk", "550 5.1.1", None, None),
    ("sales-@kvt.dk", "550 5.1.1", None, None),
    ("../../etc/passwd@kvt.dk", "550 5.1.1", None, None),
    # no domain of ours, or an address that may lead on to another host
    ('"victim@evil.com"@kvt.dk', "454", None, None),
    ("kvt.dk!abc@kvt.dk", "454", None, None),
    ("abc@y.z.kvt.dk", "454", None, None),
    ("abc@xkvt.dk", "454", None, None),
    ("abc@kvt.dk.evil.com", "454", None, None),
    ("abc@a.shop.kvt.dk", "454", None, None),
    ("abc%kvt.dk@evil.com", "454", None, None),
    ("{a}+abc--kvt.dk@virtual.invalid", "454", None, None),
    ("{a}@virtual.invalid", "454", None, None),
]


def build():
    h = House("home_mailbox = Mailbox\nallow_percent_hack = no\nswap_bangpath = no\n")
    a, b, host = h.account("a"), h.account("b"), h.account("host")
    names = ("abc", "plain", "writable", "link", "foreign", "folder", "a--b")
    h.domain("kvt.dk", a, dict({n: "." for n in names}, kvt=a.pw_dir))
    h.domain("second.dk", a, {"abc": ""})
    h.domain("other.dk", b, {"abc": "."})
    h.domain("shop.kvt.dk", b, {"me": "."})
    h.domain("catch.dk", b, {"all": ".", "real": "."}, fallback="all")
    h.domain("own.dk", b, {"postmaster": "."})
    put_names(h, a, b)
    write(h.path("etc", "domains"), "kvt.org alias_of=kvt.dk\nown.dk own=postmaster\n")
    write(h.path("postfix", "aliases"), f"postmaster {host.pw_name}\n")
    h.forward(a, "abc", "kvt.dk")
    # Whatever is wrong with such a file: local(8) passes over it, and its command must not run.
    wrong = '"|/bin/false"\n'
    h.forward(a, "writable", "kvt.dk", wrong, mode=0o666)
    h.forward(b, "link", "kvt.dk", wrong)
    os.symlink(os.path.join(b.pw_dir, ".forward+link--kvt.dk"), os.path.join(a.pw_dir, ".forward+link--kvt.dk"))
    os.chown(h.forward(a, "foreign", "kvt.dk", wrong), b.pw_uid, b.pw_gid)
    os.mkdir(os.path.join(a.pw_dir, ".forward+folder--kvt.dk"))
    h.use_samples()
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc])
    equal("two users of one full name: a complaint, and all else is done", (r.returncode, r.stderr.decode()),
          (75, f"make-postfix-maps: {h.etc}/names.dk/passwd, line 4: y has the full name of x (line 3), so that both@names.dk would mean both "
           "and is refused: change one, or make an alias\n"))
    return h, {"a": a.pw_name, "host": host.pw_name}


def put_names(h, a, b):
    kvt, names = os.path.join(h.etc, "kvt.dk"), os.path.join(h.etc, "names.dk")
    write(os.path.join(kvt, "aliases"), "info: plain\nplain+vip: abc\nnews+x: plain\no'c: abc\nbl\u00e5b\u00e6r: info\n"
          "#: expires=2001-01-01\nold: abc\n", 0o600, a)
    write(os.path.join(kvt, "more-aliases"), "info: abc\nmore: info\n", 0o600, a)
    write(os.path.join(kvt, "domain.conf"), "extra_aliases = more-aliases\n", 0o600, a)
    h.domain("names.dk", b, {u: "." for u in ("joe", "off", "x", "y")})
    passwd = os.path.join(names, "passwd")
    text = read(passwd).decode().replace("joename", "Joe Who").replace("offname", "John Who").replace("xname", "Both").replace("yname", "both,Room 1")
    write(passwd, text, 0o600, b)
    write(os.path.join(names, "domain.conf"), "match_full_name = yes\n", 0o600, b)
    os.mkdir(os.path.join(names, "users"), 0o700)
    os.chown(os.path.join(names, "users"), b.pw_uid, b.pw_gid)
    write(os.path.join(names, "users", "off"), "receive = no\n", 0o600, b)


def send_all(h, names):
    """Send a message for every row; returns the answers to RCPT."""
    answers = []
    for number, (recipient, *_) in enumerate(TABLE):
        message = f"Subject: row {number}\nMessage-ID: <row-{number}@example.org>\n\nbody\n".encode()
        rcpt, last, _ = h.postfix.send(recipient.format(**names), message, mail_options="" if recipient.isascii() else "SMTPUTF8")
        answers.append((rcpt[0], last))
    return answers


def found_in(mail, number):
    """The mailboxes in which the message of a row stands, one entry for each time."""
    mark = f"Message-ID: <row-{number}@example.org>\n".encode()
    return [path for path, content in mail.items() for m in messages(content) if mark in m]


def way_of(h, number, deliver):
    """By which way the message of a row was delivered, from Postfix's own log line."""
    ids = [l.split(": ")[1] for l in h.postfix.log_lines(f"message-id=<row-{number}@example.org>")]
    lines = [l for i in ids for l in h.postfix.log_lines(i + ":", "status=sent (delivered to command: ")]
    commands = [l.partition("delivered to command: ")[2].rstrip(")") for l in lines]
    if commands == [deliver]:
        return COMMAND
    return FORWARD if len(commands) == 1 and commands[0].startswith(deliver + " ") else commands or None


def main():
    h, names = build()
    h.start()
    answers = send_all(h, names)
    check("the queue runs empty", h.postfix.wait_empty(60), h.postfix.log())
    mail = h.all_mail()
    for number, (recipient, want, where, way) in enumerate(TABLE):
        got, last = answers[number]
        ends = f"ends in {where}" if where else "is refused"
        check(f"{recipient}: {want}", got.startswith(want + " ") and last[:3] == ("250" if where else ""), f"{got}\n{last}")
        equal(f"{recipient}: {ends}", found_in(mail, number), [where.format(**names)] if where else [])
        if way:
            equal(f"{recipient}: by {way}", way_of(h, number, h.deliver), way)
    equal("nothing bounced", h.postfix.log_lines("status=bounced"), [])
    equal("nothing was deferred", h.postfix.log_lines("status=deferred"), [])
    equal("no mail but the table's", sum(len(messages(m)) for m in mail.values()), sum(1 for r in TABLE if r[2]))
    equal("Postfix warned of nothing but what this table provokes", [l for l in h.postfix.log_lines(": warning: ")
          if ".forward+" not in l], [])
    done()


main()
