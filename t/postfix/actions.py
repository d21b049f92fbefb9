#!/usr/bin/python3
"""Aliases, lists, commands, files, filters, forwards and fallbacks on a real Postfix, through which forwards come back; and
loops across two domains of two accounts: one bounce, and no endless loop.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import messages  # noqa: E402
from mailsite import TEXT, Site, bounces  # noqa: E402
from scratch import read, run, wait_for, write  # noqa: E402

LDA = "/usr/lib/dovecot/dovecot-lda"
LOOP_TEXT = "mail forwarding loop for"


def lists(s):
    s.settings("a.dk", "include/friends", "# members\nxyz@b.dk, uvw@b.dk\n")
    saved = s.script("saved", f'cat >{s.work}/saved; printf "%s|" "$@" "$RECIPIENT" "$SENDER" "$EXT" >{s.work}/words\n')
    s.aliases("a.dk", f'team: abc, \\def, list, "|{saved} a *", {s.h.spool}/a.dk/archive, {s.h.spool}/a.dk/box/\n'
              "list: :include:friends, nosuch@b.dk\nowner-list: boss\n")
    s.send("team+tag@a.dk")
    equal("a list: who has the message", (s.counts("abc@a.dk", "def@a.dk", "archive@a.dk", "xyz@b.dk", "uvw@b.dk"), s.counts("s@client.dk")), ([1] * 5, [0]))
    equal("a list: its Maildir too", len(os.listdir(os.path.join(s.h.spool, "a.dk", "box", "new"))), 1)
    m = s.mail("b.dk", "xyz")[0]
    equal("a list's copies come from its owner, and tell of the list", (m["Return-Path"], m.get_all("Delivered-To"), m["Message-ID"]),
          ("<owner-list@a.dk>", ["xyz@b.dk", "team+tag@a.dk"], "<a1@client.dk>"))
    equal("a member who does not exist is his affair, and not the sender's", [len(bounces(s.mail("a.dk", "boss"))), len(s.mail("a.dk", "boss"))], [1, 1])
    equal("a list's command", read(f"{s.work}/words"), b"a|*|team+tag@a.dk|s@client.dk|tag|")
    contains("a list's command reads the message", read(f"{s.work}/saved"), b"Delivered-To: team+tag@a.dk\n")
    s.forget()


def forwards(s):
    s.aliases("a.dk", "out: xyz@b.dk\n")
    s.send("out@a.dk", sender="")
    equal("the null sender stays null", [m["Return-Path"] for m in s.mail("b.dk", "xyz")], ["<>"])
    s.forget()
    s.send("out@a.dk", sender='"odd one"@client.dk')
    equal("an odd sender stays as it is", [m["Return-Path"] for m in s.mail("b.dk", "xyz")], ['<"odd one"@client.dk>'])
    s.forget()
    body = TEXT + b"From here\n>From there\n.\n..\n" + b"x" * 900 + b"\n\n\n"
    s.send("out@a.dk", body)
    got = messages(s.h.mailbox("b.dk", "xyz"))[0]
    check("the text is byte for byte the same", re.sub(rb"(?m)^>(>*From )", rb"\1", got).endswith(body.partition(b"\n\n")[2]), got)
    s.forget()
    s.aliases("a.dk", "out: nosuch@b.dk\n")
    s.send("out@a.dk")
    equal("a forward that bounces comes back to the sender", len(bounces(s.mail("client.dk", "s"))), 1)
    s.forget()


def fallbacks(s):
    saved = s.script("saved", f'cat >/dev/null; printf "%s|" "$@" >{s.work}/words\n')
    s.aliases("a.dk", "team: def\n")
    for value, where in (("abc", "abc@a.dk"), ("team", "def@a.dk"), ("xyz@b.dk", "xyz@b.dk"), ("@b.dk", "uvw@b.dk"), ("|" + saved + " %d %f %u", None), ("delete", None)):
        s.settings("a.dk", "domain.conf", f"fallback = {value}\n", maps=True)
        log = s.send("uvw@a.dk")
        if where:
            equal(f"fallback = {value}: it is in {where}", [len(s.mail(*reversed(where.split("@"))))], [1])
        elif value == "delete":
            check("fallback = delete: it is nowhere, and nobody is told", "status=sent" in log and not s.mail("client.dk", "s"), log)
        else:
            equal("fallback = |command %d %f %u", read(f"{s.work}/words"), b"a.dk|s@client.dk|uvw|")
        s.send("abc@a.dk")
        check(f"fallback = {value.split(' ')[0]}: a user's mail is his", s.counts("abc@a.dk") == [2 if value == "abc" else 1])
        s.forget()
    s.settings("b.dk", "domain.conf", f"fallback = |{saved} %u\n")
    s.settings("a.dk", "domain.conf", "fallback = @b.dk\n", maps=True)
    s.send('"odd \\"one"@a.dk')
    equal("a name in quotes is the same name in the other domain, and a command gets it without them", read(f"{s.work}/words"), b'odd "one|')
    s.forget()
    s.settings("b.dk", "domain.conf", "")
    s.settings("a.dk", "domain.conf", "")
    s.aliases("a.dk", "john.smith: def\n")
    contains("no fallback: refused at once", s.h.postfix.rcpt("uvw@a.dk"), "550 5.1.1")
    contains("a dot is no colon, as in the names of qmail's files", s.h.postfix.rcpt("john:smith@a.dk"), "550 5.1.1")
    s.send("John.Smith+tag@a.dk")
    equal("an alias with a dot, in other letters, with a tag", s.counts("def@a.dk"), [1])
    s.forget()


def unknown_names(s):
    """unknown_to: as virtdomain.pl did without an argument (postmaster), and with MAILBOUNCE (refuse)."""
    s.settings("a.dk", "users/def", "receive = no\n")
    for host, domain, taken in (("", "", False), ("", "postmaster", True), ("postmaster", "refuse", False), ("postmaster", "", True), ("refuse", "postmaster", True)):
        s.h.write_settings(unknown_to=host or "refuse")
        s.settings("a.dk", "domain.conf", f"unknown_to = {domain}\n" if domain else "", maps=True)
        what = f"unknown_to = {domain or 'nothing'} in the domain, {host or 'refuse'} in the host"
        if not taken:
            contains(f"{what}: refused at once", s.h.postfix.rcpt("nosuch@a.dk"), "550 5.1.1")
            continue
        s.send("nosuch+tag@a.dk")
        s.send("abc@a.dk")
        s.send("def@a.dk")
        equal(f"{what}: postmaster has what is nobody's, and no mail of users, switched off or not", s.counts("postmaster@a.dk", "abc@a.dk", "def@a.dk"), [1, 1, 0])
        equal(f"{what}: as it was sent", s.mail("a.dk", "postmaster")[0]["Delivered-To"], "nosuch+tag@a.dk")
        equal(f"{what}: who writes to one that is switched off hears of it", len(bounces(s.mail("client.dk", "s"))), 1)
        s.forget()
    s.h.write_settings(unknown_to="refuse")
    s.settings("a.dk", "users/def", "")
    s.settings("a.dk", "domain.conf", "", maps=True)


def limits_of_root_and_domain(s):
    """max_users, commands = no, forward_outside = no: what was written by hand past them is not done, and waits where it is mail."""
    h, owner = s.h, s.accounts["a.dk"]
    domains, passwd = os.path.join(h.etc, "domains"), os.path.join(h.etc, "a.dk", "passwd")
    before, users = read(domains), read(passwd)
    write(domains, before.strip() + f" max_users={users.count(b':.:')}\n".encode())
    r = h.admin("user", "add", "new@a.dk", "--random")
    contains("max_users: no more are made", r.stderr.decode(), "max_users=")
    write(passwd, users + f"new:*:{owner.pw_uid}:{owner.pw_gid}::.:\n".encode(), 0o600, owner)
    r = run([f"{h.bin}/make-postfix-maps", "-c", h.etc])
    contains("max_users: one who was written by hand is reported", r.stderr.decode(), "delete some, or let root raise max_users")
    equal("max_users: his mail is not taken, that of others is", [h.postfix.rcpt(f"{u}@a.dk")[:9] for u in ("new", "abc")], ["550 5.1.1", "250 2.1.5"])
    write(passwd, users, 0o600, owner)
    write(domains, before.strip() + b" commands=no\n")
    ran = os.path.join(s.work, "ran")
    mark = s.script("mark", f"cat; touch {ran}\n")
    s.settings("a.dk", "domain.conf", "forward_outside = no\n")
    s.settings("a.dk", "users/def", f"filter = {mark}\n")
    s.settings("a.dk", "users/ghi", f"after_storing = {mark}\n")
    s.aliases("a.dk", f'cmd: "|{mark}"\nout: abc, someone@example.org\nin: xyz@b.dk\n')
    for user in ("cmd", "def", "ghi", "out"):
        s.send(f"{user}@a.dk", settled=False)
    s.send("in@a.dk", settled=False)
    check("mail for what is forbidden waits, no other", h.postfix.wait_deferred(4), h.postfix.waiting())
    why = h.postfix.waiting()
    for user, words in (("cmd", "has commands=no"), ("def", "has commands=no"), ("ghi", "has commands=no"), ("out", "has forward_outside = no")):
        check(f"{user}@: the queue says what forbids it", [1 for a, r in why.items() if f"+{user}--" in a and words in r], why)
    equal("nothing of it is stored or run, but what leads to a domain of this host", (s.counts("abc@a.dk", "def@a.dk", "ghi@a.dk", "xyz@b.dk"), os.path.exists(ran)), ([0, 0, 0, 1], False))
    write(domains, before)
    s.settings("a.dk", "domain.conf", "")
    s.aliases("a.dk", f'cmd: "|{mark}"\nout: abc\n')
    h.postfix.flush()
    h.postfix.wait_empty()
    equal("allowed, it is done, once", (s.counts("abc@a.dk", "def@a.dk", "ghi@a.dk"), os.path.exists(ran)), ([1, 1, 1], True))
    for user in ("def", "ghi"):
        s.settings("a.dk", f"users/{user}", "")
    s.forget()


def filters(s):
    s.aliases("a.dk", "")
    for sentence, script, want in (("adds a field", "echo 'X-Filtered: yes'; cat", "stored"), ("writes nothing", "cat >/dev/null", "dropped"),
                                   ("ends with 99, whatever it wrote", "cat; exit 99", "dropped"),
                                   ("refuses", "cat >/dev/null; echo 'we take no such thing' >&2; exit 100", "bounced")):
        f = s.script("filter", script + "\n")
        s.settings("a.dk", "users/abc", f"filter = {f}\n")
        log = s.send("abc@a.dk")
        if want == "stored":
            equal(f"a filter that {sentence}", [m["X-Filtered"] for m in s.mail("a.dk", "abc")], ["yes"])
        elif want == "dropped":
            equal(f"a filter that {sentence}: nothing stored, nobody told", (s.counts("abc@a.dk", "s@client.dk"), "status=sent" in log), ([0, 0], True))
            check("our log says dropped", wait_for(lambda: s.h.log.find("message-id=<a1@client.dk>", "status=dropped"), 5), s.h.log.lines)
        else:
            check(f"a filter that {sentence}: bounced in its words", "dsn=5.7.1, status=bounced" in log and "we take no such thing" in log, log)
            equal("the sender reads them", ["we take no such thing" in " ".join(m.as_string().split()) for m in bounces(s.mail("client.dk", "s"))], [True])
        s.forget()
    f = s.script("filter", "exit 75\n")
    s.send("abc@a.dk", settled=False)
    check("a filter that defers", s.h.postfix.wait_deferred(1))
    s.script("filter", "cat\n")
    s.h.postfix.flush()
    s.h.postfix.wait_empty()
    equal("a filter that defers: stored later, once", s.counts("abc@a.dk"), [1])
    s.settings("a.dk", "users/abc", "")
    s.forget()


def hostile_filters(s):
    """All at once, each of another user: the mail waits, nothing is stored, and it is stored once when the filter is mended."""
    s.h.write_settings(command_time_limit="2")
    cases = {"abc": ("hangs", "exec sleep 100", "took too long"), "def": ("floods", "exec cat /dev/zero", "writes more than"),
             "ghi": ("dies by a signal", "kill -SEGV $$", "was killed by signal 11"), "boss": ("ends with a status of its own", "cat; exit 3", "ended with status 3")}
    for user, (_, script, _) in cases.items():
        s.settings("a.dk", f"users/{user}", f"filter = {s.script('filter-' + user, script + chr(10))}\n")
    for user in cases:
        s.send(f"{user}@a.dk", settled=False)
    check("mail for filters that fail waits", s.h.postfix.wait_deferred(len(cases)), s.h.postfix.waiting())
    why = s.h.postfix.waiting()
    for user, (sentence, _, words) in cases.items():
        reason = next((r for a, r in why.items() if f"+{user}--" in a), "")
        check(f"a filter that {sentence}: the queue says so", f"filter-{user}" in reason and words in reason, why)
        check(f"a filter that {sentence}: deferred by 4.3.0", s.h.postfix.log_lines(f"orig_to=<{user}@a.dk>", "dsn=4.3.0, status=deferred"))
        s.script(f"filter-{user}", "cat\n")
    equal("and nothing is stored", s.counts(*[f"{u}@a.dk" for u in cases]), [0] * len(cases))
    s.h.postfix.flush()
    s.h.postfix.wait_empty()
    equal("mended, all is stored, once", s.counts(*[f"{u}@a.dk" for u in cases]), [1] * len(cases))
    s.forget()
    s.script("filter-abc", "exec <&-; echo Subject: mine; echo; echo text\n")
    s.send("abc@a.dk", TEXT + b"x" * 70 * 20000 + b"\n")
    equal("a filter that closes its input: what it wrote is stored", [(m["Subject"], m.get_payload()) for m in s.mail("a.dk", "abc")], [("mine", "text\n")])
    for user in cases:
        s.settings("a.dk", f"users/{user}", "")
    s.h.write_settings(command_time_limit="300")
    s.forget()


def full_mailboxes(s):
    s.settings("a.dk", "users/abc", "quota = 1500\nquota_warning = 0\n")
    s.aliases("a.dk", "team: abc, def, xyz@b.dk\n")
    big = TEXT + b"x" * 900 + b"\n"
    s.send("abc@a.dk", big)
    before = len(s.h.postfix.log())
    s.send("team@a.dk", TEXT.replace(b"a1", b"a2") + b"x" * 1100 + b"\n", settled=False)
    check("a list of which one mailbox is full is deferred", s.h.postfix.wait_deferred(1))
    contains("by 4.2.2", s.h.postfix.log()[before:], "dsn=4.2.2, status=deferred")
    equal("the other member has it; nothing was sent on yet", s.counts("abc@a.dk", "def@a.dk", "xyz@b.dk"), [1, 1, 0])
    s.settings("a.dk", "users/abc", "")
    s.h.postfix.flush()
    s.h.postfix.wait_empty()
    equal("with room everybody has it, once", s.counts("abc@a.dk", "def@a.dk", "xyz@b.dk"), [2, 1, 1])
    s.forget()


def agents(s):
    conf = s.h.path("lda.conf")
    write(conf, f"base_dir = {s.work}/run\nlog_path = {s.work}/log\nssl = no\nmail_location = mbox:{s.work}/lda:INBOX={s.work}/inbox\n"
          f"mail_home = {s.work}\nfirst_valid_uid = 1\nprotocols =\n")
    name = s.accounts["a.dk"].pw_name
    s.settings("a.dk", "users/abc", f"deliver_with = /usr/bin/env USER={name} {LDA} -c {conf} -k\nforward = xyz@b.dk\n")
    s.send("abc@a.dk")
    equal("deliver_with dovecot-lda: it stored the message, we did not, and the forward was sent",
          (len(messages(read(f"{s.work}/inbox") + b"\n")) if read(f"{s.work}/inbox") else read(f"{s.work}/log"), s.counts("abc@a.dk", "xyz@b.dk")), (1, [0, 1]))
    s.settings("a.dk", "users/abc", "")
    for folder, _, names in os.walk(s.work, topdown=False):
        for n in names:
            os.unlink(os.path.join(folder, n))
        if folder != s.work:
            os.rmdir(folder)
    s.forget()


def loops(s):
    """The sender gets one bounce; whoever keeps a copy has one."""
    resend = s.script("resend", 'exec /usr/sbin/sendmail -i -f "$SENDER" -- "$1"\n')
    tee = s.script("tee-on", f'cat >{s.work}/$$; cat {s.work}/$$; /usr/sbin/sendmail -i -f "$SENDER" -- "$1" <{s.work}/$$; rm {s.work}/$$\n')
    cases = [
        ("an alias and an alias", {"a.dk/aliases": "ping: pong@b.dk\n", "b.dk/aliases": "pong: ping@a.dk\n"}, "ping@a.dk", []),
        ("aliases, with a tag", {"a.dk/aliases": "ping: pong@b.dk\n", "b.dk/aliases": "pong: ping+x@a.dk\n"}, "ping+y@a.dk", []),
        ("an alias that keeps a copy", {"a.dk/aliases": "ping: abc, pong@b.dk\n", "b.dk/aliases": "pong: xyz, ping@a.dk\n"}, "ping@a.dk", ["abc@a.dk", "xyz@b.dk"]),
        ("forwards of users", {"a.dk/users/abc": "forward = xyz@b.dk\n", "b.dk/users/xyz": "forward = abc@a.dk\n"}, "abc@a.dk", ["abc@a.dk", "xyz@b.dk"]),
        ("forwards of users without a copy", {"a.dk/users/abc": "forward = xyz@b.dk\nkeep_copy = no\n", "b.dk/users/xyz": "forward = abc@a.dk\nkeep_copy = no\n"}, "abc@a.dk", []),
        ("a forward and a fallback", {"a.dk/users/abc": "forward = nobody@b.dk\n", "b.dk/domain.conf": "fallback = abc@a.dk\n"}, "abc@a.dk", ["abc@a.dk"]),
        ("two fallbacks", {"a.dk/domain.conf": "fallback = @b.dk\n", "b.dk/domain.conf": "fallback = @a.dk\n"}, "nobody@a.dk", []),
        ("commands", {"a.dk/aliases": f'ping: "|{resend} pong@b.dk"\n', "b.dk/aliases": f'pong: "|{resend} ping@a.dk"\n'}, "ping@a.dk", []),
        ("filters", {"a.dk/users/abc": f"filter = {tee} xyz@b.dk\n", "b.dk/users/xyz": f"filter = {tee} abc@a.dk\n"}, "abc@a.dk", ["abc@a.dk", "xyz@b.dk"]),
        ("an alias of itself by way of outside", {"a.dk/aliases": "ping: abc, back@b.dk\n", "b.dk/aliases": "back: abc@a.dk\n"}, "ping@a.dk", None),
    ]
    for sentence, files, recipient, keepers in cases:
        for name, text in files.items():
            s.settings(*name.split("/", 1), text)
        s.h.maps()
        log = s.send(recipient)
        back = bounces(s.mail("client.dk", "s"))
        if keepers is None:
            equal(f"no loop, {sentence}: stored, none comes back", (s.counts("abc@a.dk"), len(back)), ([2], 0))
        else:
            equal(f"a loop of {sentence}: one bounce, which says so", [LOOP_TEXT in m.as_string() for m in back], [True])
            equal(f"a loop of {sentence}: copies", s.counts(*keepers), [1] * len(keepers))
            check(f"a loop of {sentence}: few deliveries", log.count("status=") <= 8, log)
        for name in files:
            s.settings(*name.split("/", 1), "")
        s.forget()
    s.h.maps()


def killed_in_a_list(s):
    """A command of a list kills virtual-deliver the first time: Postfix tries again, and nothing is done twice."""
    once = s.script("once", f"[ -e {s.work}/once ] && exit 0; touch {s.work}/once; kill -9 $PPID\n")
    count = s.script("count", f"echo . >>{s.work}/count\n")
    s.aliases("a.dk", f'team: abc, "|{count}", "|{once}", def, xyz@b.dk\n')
    s.send("team@a.dk", settled=False)
    check("virtual-deliver is killed in a list: deferred", s.h.postfix.wait_deferred(1))
    equal("what was done before", (s.counts("abc@a.dk", "def@a.dk", "xyz@b.dk"), read(f"{s.work}/count")), ([1, 1, 0], b".\n"))
    s.h.postfix.flush()
    s.h.postfix.wait_empty()
    equal("after the retry: all, once", (s.counts("abc@a.dk", "def@a.dk", "xyz@b.dk"), read(f"{s.work}/count")), ([1, 1, 1], b".\n"))
    s.forget()


def main():
    s = Site({"a.dk": ["abc", "def", "ghi", "boss", "postmaster"], "b.dk": ["xyz", "uvw"], "client.dk": ["s"]}, "a.dk own=postmaster\n")
    for part in (lists, forwards, fallbacks, unknown_names, limits_of_root_and_domain, filters, hostile_filters, full_mailboxes, agents, loops, killed_in_a_list):
        part(s)
    done()


main()
