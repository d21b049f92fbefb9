#!/usr/bin/python3
"""`setup --refuse-texts` on a real Postfix: who writes to an address that takes no mail gets its text, in a session that was open before; and
nobody outside reaches an inner address, account+user--domain. All other answers are what they were; undo takes out exactly that.
"""
import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import smtp  # noqa: E402
from house import MESSAGE, House  # noqa: E402
from scratch import read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

SETTING = "smtpd_recipient_restrictions"
INNER = "550 5.7.1"

# Each leads to a .forward file of ours where it is not refused ({a}: the account), or to nobody.
INNER_ADDRESSES = [
    "{a}+abc--kvt.dk@mail.example.net", "{a}+abc--kvt.dk@localhost", "{A}+ABC--KVT.dk@localhost", "{a}+abc--kvt.dk", "{a}+abc--kvt.dk@[127.0.0.1]",
    "{a}+abc--kvt.dk+tag@localhost", "{a}+--catch.dk@localhost", "{a}+x_y--kvt.dk@localhost", "{a}+x?y--kvt.dk@localhost", "{a}+x\u00e9y--kvt.dk@localhost",
    '"{a}+abc--kvt.dk"@localhost', '"{a}+x y--kvt.dk"@localhost', "@localhost:{a}+abc--kvt.dk@localhost", "{a}+abc--kvt.dk%localhost@localhost",
    "localhost!{a}+abc--kvt.dk@localhost", "{a}+a--b--kvt.dk@localhost", "{a}+abc--xn--blbr-roah.dk@localhost",
]
# What has nothing to do with it.
OTHERS = ["abc@kvt.dk", "abc+tag@kvt.dk", "a--b@kvt.dk", "any@catch.dk", "nosuch@kvt.dk", "{a}@localhost", "{a}+list@localhost", "{a}+a--b@localhost",
          "{b}+abc--kvt.dk@localhost", "postmaster+a--b.c@localhost", "postmaster@kvt.dk", "x@elsewhere.example", "{a}+abc--kvt.dk@virtual.invalid"]


class Host:
    def __init__(self, restrictions):
        patient = "smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000\n"  # with a client that asks for many who take no mail
        h = self.h = House(patient + (f"{SETTING} = {restrictions}\n" if restrictions is not None else ""))
        self.a, self.b = h.account("a"), h.account("b")  # b has no domain
        h.domain("kvt.dk", self.a, {u: "" for u in ("abc", "x_y", "a--b", "off")})
        h.domain("xn--blbr-roah.dk", self.a, {"abc": ""})
        h.domain("catch.dk", self.a, {"all": ""}, fallback="all")
        write(f"{h.etc}/domains", "kvt.dk sub_domains=yes\ncatch.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\ncatch.org alias_of=catch.dk\n")
        for user in ("abc", "x_y", "a--b"):
            h.forward(self.a, user, "kvt.dk")
        h.must_admin("setup", "--yes")
        h.start()

    def put(self, text, *path):
        """A file of kvt.dk's, by hand."""
        path = os.path.join(self.h.etc, "kvt.dk", *path)
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        os.chown(os.path.dirname(path), self.a.pw_uid, self.a.pw_gid)
        write(path, text, 0o600, self.a)

    def settings(self):
        return [self.h.postfix.postconf(option) for option in ("-n", "-M", "-P")]

    def answers(self, addresses):
        names = {"a": self.a.pw_name, "A": self.a.pw_name.upper(), "b": self.b.pw_name}
        return {a: self.h.postfix.rcpt(a.format(**names)) for a in addresses}


def words(h):
    m = h.map_folder
    return (f"check_recipient_access lmdb:{m}/virtual_refused, "
            f"check_recipient_access pipemap:{{pcre:{m}/virtual_refused_regexp,lmdb:{m}/virtual_refused}}")


def short(answers):
    return {a: r[:9] for a, r in answers.items()}


def put_in(host, what, restrictions):
    h = host.h
    before = host.settings()
    r = h.admin("setup", "--refuse-texts", "-n")
    contains(f"{what}: -n shows the words in front", r.stdout.decode(), f"\n+{SETTING} = {words(h)}" + (f", {restrictions}\n" if restrictions else "\n"))
    equal(f"{what}: and changes nothing", host.settings(), before)
    h.must_admin("setup", "--refuse-texts", "--yes")
    time.sleep(0.5)  # the reload: a process that is still the old one may take one more client
    equal(f"{what}: the words stand in front", h.postfix.value(SETTING), ", ".join([words(h)] + ([restrictions] if restrictions else [])))
    after = host.settings()
    equal(f"{what}: a setup without the option leaves them there", (h.admin("setup", "--yes").stdout, host.settings()),
          (b"nothing to do: everything is set up\n", after))


def take_out(host, what, restrictions):
    """Also what somebody else has put beside them stays."""
    h = host.h
    h.postfix.set(**{SETTING: h.postfix.value(SETTING) + ", permit_mynetworks"})
    h.must_admin("setup", "--undo", "--yes")
    equal(f"{what}: undo takes out exactly that", h.postfix.value(SETTING).strip(" ,"),
          ", ".join(([restrictions] if restrictions else []) + ["permit_mynetworks"]))
    h.postfix.set(**{SETTING: restrictions or ""})
    if restrictions is None:
        h.postfix.postconf("-X", SETTING)
    h.must_admin("setup", "--refuse-texts", "--yes")
    h.must_admin("setup", "--undo", "--yes")
    equal(f"{what}: and to the byte what nobody touched", restrictions if restrictions is not None else SETTING in read(f"{h.postfix.config}/main.cf").decode(),
          h.postfix.value(SETTING) if restrictions is not None else False)


def inner_addresses(host, what, open_before):
    equal(f"{what}: inner addresses were open before", {a for a, r in short(open_before).items() if r.startswith("550")}, set())
    after = host.answers(INNER_ADDRESSES)
    equal(f"{what}: inner addresses are refused", {a: r for a, r in after.items() if not r.startswith(INNER)}, {})


class Session:
    """A client that stays: Postfix's daemons are not started anew for it."""

    def __init__(self, port):
        self.dialogue = smtp.Dialogue(port)
        self.dialogue.command("MAIL FROM:<s@example.org>")

    def asks(self, recipient):
        """The answer, without the words that Postfix puts around ours."""
        answer = self.dialogue.command(f"RCPT TO:<{recipient}>")
        return answer.replace(f"<{recipient}>: Recipient address rejected: ", "")


NO_MAIL, EXPIRED = "550 5.2.1 this mailbox takes no mail", "550 5.2.1 this address is no longer in use"
UNKNOWN = "550 5.1.1 User unknown in virtual alias table"
OK = "250 2.1.5 Ok"


def explained(h, address):
    """What explain says that RCPT says, in the form of Session.asks()."""
    r = h.admin("explain", address, "--json")
    answer = json.loads(r.stdout)
    if answer["result"] != "refused":
        return OK
    if answer["postfix"] == "refuses it: no table has it":
        return UNKNOWN if (r.returncode, answer["status"]) == (67, "5.1.1") else f"{r.returncode}: {answer}"
    says = f"550 {answer['status']} {answer['reason']}"
    table = f"lmdb:{h.map_folder}/virtual_refused"
    first = answer["steps"][0]
    good = (answer["postfix"] == f"refuses it: {says}" and answer["exit_status"] == r.returncode == (67 if says.startswith("550 5.2.1") else 77)
            and table in first["file"] and first["says"].endswith(f": {says}"))
    return says if good else f"{r.returncode}: {answer}"


def switched_off(host):
    """Each step, and what an open session hears of it."""
    h = host.h
    session = Session(h.postfix.port)
    steps = [
        ("a user is there", lambda: None, "off@kvt.dk", OK),
        ("he is disabled", lambda: h.must_admin("user", "disable", "off@kvt.dk"), "off@kvt.dk", NO_MAIL),
        ("he writes his name in capitals, with a tag", lambda: None, "OFF+x@kvt.dk", NO_MAIL),
        ("and in the domain's other name", lambda: None, "off@kvt.org", NO_MAIL),
        ("below the domain", lambda: None, "off@a.kvt.dk", NO_MAIL),
        ("further below, in capitals, with a tag", lambda: None, "OFF+x@B.a.kvt.DK", NO_MAIL),
        ("below its other name", lambda: None, "off@a.kvt.org", NO_MAIL),
        ("below it who takes mail", lambda: None, "abc@a.kvt.dk", OK),
        ("below it who is not there", lambda: None, "nosuch@a.kvt.dk", UNKNOWN),
        ("an alias of his name with a tag takes mail", lambda: (host.put("off+t: abc\n", "aliases"), h.maps("kvt.dk")), "off+t@kvt.dk", OK),
        ("in the domain's other name too", lambda: None, "off+t@kvt.org", OK),
        ("it has expired", lambda: (host.put("#: expires=2001-01-01\noff+t: abc\n", "aliases"), h.maps("kvt.dk")), "off+t@kvt.dk", EXPIRED),
        ("below the domain it is a tag of his", lambda: None, "off+t@a.kvt.dk", NO_MAIL),
        ("the others are not", lambda: None, "abc@kvt.dk", OK),
        ("who is not there is unknown", lambda: None, "nosuch@kvt.dk", UNKNOWN),
        ("the domain has a text of its own", lambda: (host.put("%u@%d: try abc@%d\n", "messages", "no-mail.en"), h.maps("kvt.dk")), "off@kvt.dk",
         "550 5.2.1 off@kvt.dk: try abc@kvt.dk"),
        ("which is said below it too", lambda: None, "off@a.kvt.dk", "550 5.2.1 off@kvt.dk: try abc@kvt.dk"),
        ("it is Danish", lambda: (host.put("language = da\n", "domain.conf"), h.maps("kvt.dk")), "off@kvt.dk",
         "550 5.2.1 denne postkasse modtager ikke post"),
        ("he is enabled", lambda: h.must_admin("user", "enable", "off@kvt.dk"), "off@kvt.dk", OK),
        ("below the domain too", lambda: None, "off@a.kvt.dk", OK),
        ("his day is over", lambda: (host.put("", "domain.conf"), host.put("expires = 2001-01-01\n", "users", "off"), h.maps("kvt.dk")), "off@kvt.dk", EXPIRED),
        ("an alias of his name goes before him", lambda: (host.put("off: abc\n", "aliases"), h.maps("kvt.dk")), "off@kvt.dk", OK),
        ("it has expired as well", lambda: (host.put("#: expires=2001-01-01\noff: abc\n", "aliases"), h.maps("kvt.dk")), "off@kvt.dk", EXPIRED),
        ("an alias of other letters too", lambda: (host.put("#: expires=2001-01-01\no'c: abc\n", "aliases"), h.maps("kvt.dk")), "o'c@kvt.dk", EXPIRED),
        ("he is deleted", lambda: h.must_admin("user", "delete", "off@kvt.dk", "--yes"), "off@kvt.dk", UNKNOWN),
    ]
    for what, do, recipient, want in steps:
        do()
        equal(f"{what}: {recipient}", session.asks(recipient), want)
        equal(f"{what}: {recipient}: explain knows", explained(h, recipient), want)


def aliases_of_those(host):
    """Mail for an alias that leads only to who takes none is refused at once, not taken and given back."""
    h = host.h
    h.must_admin("user", "add", "away@kvt.dk", "--random")
    host.put("info: news\nnews: away\nboth: away, abc\nabc+t: away\nabc: abc\no'c: info\n", "aliases")
    h.maps("kvt.dk")
    session = Session(h.postfix.port)
    names = ("info", "INFO+x", "news", "both", "abc", "abc+t", "abc+u", "o'c")
    answers = lambda domain="kvt.dk": [session.asks(f"{n}@{domain}") for n in names]
    shut = ("info", "INFO+x", "news", "abc+t", "o'c")
    equal("an alias of who takes mail", answers(), [OK] * len(names))
    h.must_admin("user", "set", "away@kvt.dk", "receive=no")
    text = session.asks("away@kvt.dk").replace("away", "%u")
    want = [text.replace("%u", n.lower().removesuffix("+x")) if n in shut else OK for n in names]
    equal("he takes none: it says what he would say", answers(), want)
    equal("in the domain's other name too", [a[:9] for a in answers("kvt.org")], [w[:9] for w in want])
    h.must_admin("user", "set", "away@kvt.dk", "receive=yes")
    equal("he takes some again", answers(), [OK] * len(names))
    host.put("expires = 2001-01-01\n", "users", "away")
    h.maps("kvt.dk")
    equal("his day is over", [a[:9] for a in answers()], [w[:9] for w in want])
    h.must_admin("user", "set", "away@kvt.dk", "expires=")
    host.put("", "aliases")
    h.must_admin("user", "delete", "away@kvt.dk", "--yes")
    h.maps("kvt.dk")
    equal("all of that is gone", [session.asks("info@kvt.dk"), session.asks("abc+t@kvt.dk")], [UNKNOWN, OK])


def forwards_of_those(host):
    """So is mail for a user who keeps no copy, and whose forwards lead only to who takes none: by changes of one user each."""
    h = host.h
    for user in ("away", "fwd"):
        h.must_admin("user", "add", f"{user}@kvt.dk", "--random")
    host.put("team: fwd\n", "aliases")
    h.maps("kvt.dk")
    session = Session(h.postfix.port)
    names = ("fwd", "FWD+x", "team")
    answers = lambda: [session.asks(f"{n}@kvt.dk") for n in names]
    for what, user, words, want in (
            ("he sends on to who takes mail", "fwd", ["forward=away@kvt.dk", "keep_copy=no"], OK), ("who is switched off", "away", ["receive=no"], NO_MAIL),
            ("he keeps a copy", "fwd", ["keep_copy=yes"], OK), ("and none", "fwd", ["keep_copy=no"], NO_MAIL),
            ("he sends it to another as well", "fwd", ["forward=away@kvt.dk,x@elsewhere.example"], OK), ("and not any more", "fwd", ["forward=away@kvt.dk"], NO_MAIL),
            ("who takes mail again", "away", ["receive=yes"], OK)):
        h.must_admin("user", "set", f"{user}@kvt.dk", *words)
        text = session.asks("away@kvt.dk").replace("away", "%u") if want != OK else OK
        equal(f"forwards: {what}: the tables follow", ([a.replace(n.lower().removesuffix("+x"), "%u") for a, n in zip(answers(), names)], want[:9]),
              ([text] * 3, text[:9]))
        if want != OK:
            equal(f"forwards: {what}: below the domain, and explain", (session.asks("fwd@a.kvt.dk"), explained(h, "fwd@kvt.dk")), (session.asks("fwd@kvt.dk"),) * 2)
    before = {n: read(f"{h.map_folder}/{n}") for n in ("virtual", "virtual_refused")}
    h.maps()
    equal("a run for all finds nothing to do", {n: read(f"{h.map_folder}/{n}") for n in before}, before)
    host.put("", "aliases")
    for user in ("fwd", "away"):
        h.must_admin("user", "delete", f"{user}@kvt.dk", "--yes")
    h.maps("kvt.dk")


def fallback_gets_none(host):
    """catch.dk takes everything that is unknown."""
    h = host.h
    session = Session(h.postfix.port)
    h.must_admin("user", "add", "off@catch.dk", "--random")
    h.must_admin("user", "disable", "off@catch.dk")
    equal("a disabled user of a domain that takes all others is refused", session.asks("off@catch.dk"), NO_MAIL)
    equal("with a tag too", session.asks("off+t@catch.dk"), NO_MAIL)
    equal("and below the domain, where his mail would be taken and given back", session.asks("off@a.catch.dk"), NO_MAIL)
    equal("below it all others are unknown", session.asks("other@a.catch.dk"), UNKNOWN)
    equal("all others are taken", session.asks("other@catch.dk"), OK)
    equal("explain says the same", [explained(h, f"{n}@catch.dk") for n in ("off", "off+t", "OFF", "other")], [NO_MAIL, NO_MAIL, NO_MAIL, OK])
    contains("as text too", h.admin("explain", "off@catch.dk").stdout.decode(), f"postfix: refuses it: {NO_MAIL}\n")
    inner = f"{host.a.pw_name}+abc--kvt.dk@catch.dk"
    equal("of an inner address too", (session.asks(inner)[:9], explained(h, inner)), (INNER, "550 5.7.1 This address is for the use of this host alone"))
    h.must_admin("user", "delete", "off@catch.dk", "--yes")
    equal("when he is deleted, his name too", session.asks("off@catch.dk"), OK)


def told(host):
    """What --check and doctor say about mail that is taken and given back."""
    h, part = host.h, "setup --refuse-texts"
    check_lines = run([f"{h.bin}/make-postfix-maps", "-c", h.etc, "--check"]).stdout.decode().splitlines()
    doctor_lines = h.admin("doctor").stdout.decode().splitlines()
    return [l for l in check_lines if part in l], [l for l in doctor_lines if part in l]


def backscatter_is_told(host):
    """Before the words are there: who takes no mail, in a domain that takes all other names, gets it and gives it back."""
    h = host.h
    equal("nobody is switched off: nothing is said", told(host), ([], []))
    h.must_admin("user", "add", "away@catch.dk", "--random")
    h.must_admin("user", "disable", "away@catch.dk")
    equal("Postfix takes mail for a disabled user of a domain with a fallback", h.postfix.rcpt("away@catch.dk")[:3], "250")
    lines, findings = told(host)
    check("--check names domain, address and mend", len(lines) == 1 and lines[0].startswith(f"{h.etc}/catch.dk/domain.conf: ") and "away@catch.dk" in lines[0], lines)
    equal("explain: it is given back, and no table refuses it", (lambda a: (a["result"], a["postfix"]))(json.loads(h.admin("explain", "away@catch.dk", "--json").stdout)),
          ("refused", f"{host.a.pw_name}+away--catch.dk@virtual.invalid"))
    check("so does doctor", len(findings) == 1 and "catch.dk" in findings[0] and "away@catch.dk" in findings[0], findings)


def words_of_a_delivery(host):
    """While Postfix does not ask virtual_refused yet: what a delivery says, be it in another name of the domain, is what that table has."""
    h = host.h
    messages = f"{h.etc}/catch.dk/messages"
    os.mkdir(messages, 0o700)
    os.chown(messages, host.a.pw_uid, host.a.pw_gid)
    write(f"{messages}/no-mail.en", "%u@%d takes none\n", 0o600, host.a)
    h.maps("catch.dk")
    said = {}
    for address in ("away@catch.dk", "away@catch.org", "away@a.catch.dk", "away@a.catch.org"):
        h.postfix.send(address, MESSAGE)
        lines = h.postfix.wait_log(f"orig_to=<{address}>", "status=bounced")
        said[address] = re.findall(r"dsn=(5\.2\.1), status=bounced \(" + re.escape(address) + r": (.*?) *\)", lines[0]) if lines else None
    text = run(["postmap", "-c", h.postfix.config, "-q", "away@catch.org", f"lmdb:{h.map_folder}/virtual_refused"]).stdout.decode().strip()
    equal("a delivery says what virtual_refused has", (said, text), ({a: [("5.2.1", "away@catch.dk takes none")] for a in said}, "550 5.2.1 away@catch.dk takes none"))
    os.remove(f"{messages}/no-mail.en")
    h.maps("catch.dk")


def domain_closed(host):
    """A whole domain that takes no mail; one inside its name is not concerned."""
    h = host.h
    h.domain("in.kvt.dk", host.b, {"abc": ""})
    h.maps("in.kvt.dk")
    for n in range(20):
        h.must_admin("user", "add", f"u{n}@kvt.dk", "--random")
    session = Session(h.postfix.port)
    equal("a user of a domain", session.asks("u1@kvt.dk"), OK)
    host.put("receive = no\n", "domain.conf")
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc, "kvt.dk"])
    check("a domain is switched off by hand: that so many addresses vanish must be meant", r.returncode == 75 and b"would vanish" in r.stderr, r)
    equal("until then they are taken", session.asks("u1@kvt.dk"), OK)
    h.maps("--force", "kvt.dk")
    equal("then its users are refused", session.asks("u1@kvt.dk"), "550 5.2.1 %u@%d: try abc@%d".replace("%u", "u1").replace("%d", "kvt.dk"))
    equal("who was never there is unknown", session.asks("nosuch@kvt.dk"), UNKNOWN)
    equal("postmaster is the host's", session.asks("postmaster@kvt.dk"), OK)
    equal("a domain inside its name has its own users", session.asks("abc@in.kvt.dk"), OK)
    equal("and what lies below it is refused with it", session.asks("u1@a.kvt.dk"), "550 5.2.1 u1@kvt.dk: try abc@kvt.dk")
    h.maps()
    equal("a run for all keeps it so", session.asks("u1@kvt.org")[:9], "550 5.2.1")
    host.put("", "domain.conf")
    h.maps("kvt.dk")
    equal("and on again", session.asks("u1@kvt.dk"), OK)


def main():
    for what, restrictions in (("nothing there", None), ("restrictions there", "reject_unknown_sender_domain, check_client_access cidr:/dev/null, permit")):
        host = Host(restrictions)
        before, others = host.answers(INNER_ADDRESSES), short(host.answers(OTHERS))
        if restrictions is None:
            backscatter_is_told(host)
            words_of_a_delivery(host)
        put_in(host, what, restrictions)
        equal(f"{what}: with them nothing is said of mail that comes back", told(host), ([], []))
        inner_addresses(host, what, before)
        equal(f"{what}: all others get the answer of before", short(host.answers(OTHERS)), others)
        check(f"{what}: Postfix does not warn", not host.h.postfix.log_lines("warning:"), host.h.postfix.log_lines("warning:"))
        if restrictions is None:
            switched_off(host)
            aliases_of_those(host)
            forwards_of_those(host)
            fallback_gets_none(host)
            domain_closed(host)
        take_out(host, what, restrictions)
        host.h.postfix.stop()
    done()


main()
