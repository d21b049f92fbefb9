#!/usr/bin/python3
"""`setup --refuse-texts` on a real Postfix: who writes to an address that takes no mail gets its text, in a session that was open before; and
nobody outside reaches an inner address, account+user--domain. All other answers are what they were; undo takes out exactly that.
"""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import read  # noqa: E402
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
        h = self.h = House(f"{SETTING} = {restrictions}\n" if restrictions is not None else "")
        self.a, self.b = h.account("a"), h.account("b")  # b has no domain
        h.domain("kvt.dk", self.a, {u: "" for u in ("abc", "x_y", "a--b", "off")})
        h.domain("xn--blbr-roah.dk", self.a, {"abc": ""})
        h.domain("catch.dk", self.a, {"all": ""}, fallback="all")
        for user in ("abc", "x_y", "a--b"):
            h.forward(self.a, user, "kvt.dk")
        h.must_admin("setup", "--yes")
        h.start()

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


def main():
    for what, restrictions in (("nothing there", None), ("restrictions there", "reject_unknown_sender_domain, check_client_access cidr:/dev/null, permit")):
        host = Host(restrictions)
        before, others = host.answers(INNER_ADDRESSES), short(host.answers(OTHERS))
        put_in(host, what, restrictions)
        inner_addresses(host, what, before)
        equal(f"{what}: all others get the answer of before", short(host.answers(OTHERS)), others)
        check(f"{what}: Postfix does not warn", not host.h.postfix.log_lines("warning:"), host.h.postfix.log_lines("warning:"))
        take_out(host, what, restrictions)
        host.h.postfix.stop()
    done()


main()
