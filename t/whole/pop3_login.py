#!/usr/bin/python3
"""Logins that the real server refuses: alike to the byte and in time, counted, and never at the cost of the right user."""
import os
import re
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
import scratch  # noqa: E402
from house import House  # noqa: E402
from pop3 import Pop3, md5_hash  # noqa: E402
from pop3d import Server, loopback_has, ours, ours_argv, session_process  # noqa: E402
from postfix import free_port  # noqa: E402
from scratch import read, wait_for, write  # noqa: E402

WRONG = b"-ERR [AUTH] Wrong user name or password\r\n"
TOO_MANY = b"-ERR [SYS/TEMP] Too many wrong passwords from your address; try again later\r\n"
# A stored hash, what to try, and whether that is let in (with plain_text_passwords).
ODD = {"empty": ("", "x", False), "star": ("*", "*", False), "bang": ("!", "!", False), "ex": ("x", "x", False), "starzero": ("*0", "*0", False),
       "starone": ("*1", "*1", False), "locked": ("!$1$pvtestpv$abc", "x", False), "unknown": ("$9$abc$def", "x", False),
       "half": ("$6$salt", "x", False), "halfyes": ("$y$j9T$", "x", False), "plain": ("open sesame", "open sesame", True)}
TRAP = "$6$rounds=999999999$pvtestpv$" + "a" * 86


def timed(p, name, password):
    """(the answer to PASS, seconds it took)"""
    p.ask(f"USER {name}")
    began = time.monotonic()
    return p.ask(f"PASS {password}"), time.monotonic() - began


def tries(at, source, names, password="wrong"):
    """As many tries in one connection from that address: [(answer, seconds)], and whether it ended then."""
    with Pop3(*at, source=source, timeout=60) as p:
        found = [timed(p, name, password) for name in names]
        return found, p.ended()


def measure(pool, at, kinds, turn):
    """Three times three wrong tries of each kind, side by side: kind → [(three of (answer, seconds), ended)]."""
    jobs = {kind: [pool.submit(tries, at, f"127.{turn}.{n}.{r + 1}", [name] * 3) for r in range(3)] for n, (kind, name) in enumerate(kinds.items())}
    return {kind: [j.result() for j in js] for kind, js in jobs.items()}


def alike(pool, at, kinds, seconds, title):
    """Whoever is wrong is told so by the same bytes and after the same time: the median of three, within 5 %. What is slow because the
    machine is busy is measured again."""
    for turn in range(100, 103):
        found = measure(pool, at, kinds, turn)
        times = [{kind: statistics.median(run[n][1] for run, _ in runs) for kind, runs in found.items()} for n in range(3)]
        slow = [t for t, want in zip(times, seconds) if max(t.values()) > 1.05 * max(min(t.values()), want)]
        if not slow:
            break
    answers = {a for runs in found.values() for run, _ in runs for a, _ in run}
    equal(f"{title}: every refusal is the same bytes", answers, {WRONG})
    equal(f"{title}: the third ends the connection", {ended for runs in found.values() for _, ended in runs}, {True})
    equal(f"{title}: and comes after the same time, whoever it is", slow, [])
    equal(f"{title}: after no less than {seconds} seconds", [min(t.values()) >= want - 0.01 for t, want in zip(times, seconds)], [True] * 3)


def limits(pool, at):
    """Some addresses guess; their neighbours and the user himself do not suffer. (What is counted decays from the first second on, so
    it takes some more than 12 and 30.)"""
    one = [pool.submit(tries, at, "127.0.77.1", ["abc@kvt.dk"] * 3) for _ in range(5)]
    many = [pool.submit(tries, at, "127.0.78.1", [f"n{n}@kvt.dk"] * 3) for n in range(12)]

    def login(source, user):
        with Pop3(*at, source=source) as p:
            answer, seconds = timed(p, f"{user}@kvt.dk", "secret")
            p.quit()
            return answer if answer == TOO_MANY else (answer[:3], seconds < 1.5)

    def judge():
        for j in one:
            j.result()
        equal("after 12 wrong ones an address is refused for that user, whatever it says", login("127.0.77.1", "abc"), TOO_MANY)
        check("and not for another user behind the same address", login("127.0.77.1", "xyz")[0] == b"+OK")
        equal("the user gets in from elsewhere, at once", login("127.0.77.2", "abc"), (b"+OK", True))
        for j in many:
            j.result()
        equal("after 30 wrong ones an address is refused for everybody", login("127.0.78.1", "xyz"), TOO_MANY)
        equal("and another address is not", login("127.0.78.2", "xyz"), (b"+OK", True))
    return judge


def odd_hashes(pool, at, title, lets):
    def one(item):
        n, (user, (_, password, _)) = item
        with Pop3(*at, source=f"127.0.{60 + lets}.{n + 1}") as p:
            first = timed(p, f"{user}@odd.dk", password)[0]
            return user, first.startswith(b"+OK"), first in (WRONG, b"+OK opened mailbox for plain@odd.dk\r\n")
    jobs = [pool.submit(one, item) for item in enumerate(ODD.items())]

    def judge():
        found = [j.result() for j in jobs]
        equal(f"{title}: whom a hash that is none lets in", [u for u, into, _ in found if into], ["plain"] if lets else [])
        equal(f"{title}: and it is said like any wrong password", [u for u, _, alike_ in found if not alike_], [])
    return judge


def trap(pool, at):
    """A hash that would take an hour."""
    def one():
        began = time.monotonic()
        with Pop3(*at, source="127.0.88.1", timeout=60) as p:
            answer, _ = timed(p, "trap@trap.dk", "x")
            return answer, time.monotonic() - began
    job = pool.submit(one)

    time.sleep(1)
    with Pop3(*at, source="127.0.88.2") as p:
        answer, seconds = timed(p, "xyz@kvt.dk", "secret")
        check("while a hostile hash is computed others log in", answer.startswith(b"+OK") and seconds < 3 and not job.done(), (answer, seconds))

    def judge():
        answer, seconds = job.result()
        check("a hostile hash ends at its limit", answer.startswith(b"-ERR [SYS/TEMP]") and seconds < 18, (answer, seconds))
    return judge


def closed(pool, h, at):
    def one(user, password, source):
        with Pop3(*at, source=source) as p:
            return timed(p, user, password)[0]
    jobs = [pool.submit(one, *a) for a in (
        ("abc@closed.dk", "secret", "127.0.90.1"), ("abc@closed.dk", "wrong", "127.0.90.2"), ("shut@kvt.dk", "secret", "127.0.90.3"),
        ("xyz@kvt.dk", "secret", "127.0.90.4"), ("abc@lukket.dk", "secret", "127.0.90.5"))]

    def judge():
        got = [j.result() for j in jobs]
        equal("retrieve = no of a domain: its own words, one line", got[0], b"-ERR [AUTH] Read your mail at https://mail.closed.dk ae +OK\r\n")
        equal("but only to who knows the password", got[1], WRONG)
        equal("retrieve = no of a user", got[2], b"-ERR [AUTH] Mail cannot be fetched from this mailbox\r\n")
        check("and not of the others", got[3].startswith(b"+OK"), got[3])
        equal("a Danish domain has Danish words", got[4], b"-ERR [AUTH] Der kan ikke hentes post fra denne postkasse\r\n")
        equal("the log says that the password was right", len(h.log.wait("refused login of abc@closed.dk from 127.0.90.1: closed")), 1)
    return judge


def log_lines(h, at):
    """What a client types cannot look like another line, or like another address."""
    h.log.lines.clear()
    names = [b"a@kvt.dk\tfrom\t1.2.3.4:\twrong", b"from", b"a@kvt.dk:wrong", b"\xc2\xa0from\xc2\xa01.2.3.4@kvt.dk", b"%s%n%s@kvt.dk", b"x" * 490, b"\x80\xff@kvt.dk",
             b"\xe2\x80\xa8virtual-pop3d[1]:", b"a@kvt.dk%d"]

    def one(n):
        with Pop3(*at, source=f"127.0.91.{n + 1}") as p:
            return p.ask(b"USER " + names[n]), p.ask("PASS wrong")
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(one, range(len(names))))
    wait_for(lambda: len(h.log.find("refused login")) >= len(names) - 1, 3)
    lines = [l.partition(": ")[2] for l in h.log.find("refused login")]
    form = re.compile(r"refused login of [!-~]{1,200} from 127\.0\.91\.\d: wrong password")
    equal("a refusal is one line of a fixed form, whatever was typed", [l for l in lines if not form.fullmatch(l)], [])
    check("and there is one for each", len(lines) >= len(names) - 1, lines)


def over_ipv6(h):
    if not loopback_has("::1"):
        return
    port = free_port()
    s = Server("ours, IPv6", ours_argv(h, "--listen", f"[::1]:{port}"), port, h.path("ipv6"))
    with Pop3("::1", port) as p:
        equal("by IPv6 a wrong password is the same", p.login("abc@kvt.dk", "wrong")[1], WRONG)
    equal("and its address is in the log", len(h.log.wait("refused login of abc@kvt.dk from ::1: wrong password")), 1)
    s.stop()


# --- the host's own users ---

def shadow_of_our_own(h, *more):
    """The server, with another /etc/shadow in front of the host's: there root has a password that we know; and with another
    /var/mail. It has more groups than a session may have."""
    lines = read("/etc/shadow").decode().splitlines()
    known = md5_hash("secret")
    text = "".join(re.sub(r"^root:[^:]*:", f"root:{known}:", l) + "\n" for l in lines)
    path = write(h.path("shadow"), text, 0o600)
    port = free_port()
    script = f'mount --bind "$0" /etc/shadow && mount --bind {h.spool} /var/mail && exec "$@"'
    return Server("ours", ["/usr/bin/setpriv", "--groups", "0,4,6", "/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, path,
                           *ours_argv(h, "--listen", f"127.0.0.1:{port}"), *more], port, h.path("shadowed"))


def system_users(pool):
    h = House()
    h.host_user = h.account("s")
    h.domain("kvt.dk", h.host_user, {"abc": "."}, hashes={"abc": md5_hash("secret")})
    box = "".join(f"From s@example.org Fri Nov 20 09:56:12 2026\nFrom: s@example.org\nSubject: {n}\n\n{n}\n.\n\n" for n in ("one", "two"))
    write(os.path.join(h.spool, h.host_user.pw_name), box, 0o600, h.host_user)
    os.chmod(h.spool, 0o1777)  # for GNU's lock
    scratch.set_password(h.host_user.pw_name, md5_hash("secret"))
    h.write_settings(system_users="yes")
    s = shadow_of_our_own(h)
    kinds = {"unknown": "nosuchuser", "wrong": h.host_user.pw_name, "domain": "abc@nowhere.dk", "user": "abc@kvt.dk"}

    def root():
        with Pop3(*s.at, source="127.0.93.1") as p:
            return timed(p, "root", "secret")
    job = pool.submit(root)
    with Pop3(*s.at, source="127.0.93.2") as p:
        answers = p.login(h.host_user.pw_name, "secret")
        equal("a user of the host's gets in", answers[1][:3], b"+OK")
        status = read(f"/proc/{session_process(p, s)}/status").decode()
        uid, gid = h.host_user.pw_uid, scratch.must(["/usr/bin/getent", "group", "mail"]).split(":")[2]
        got = {k: re.search(rf"^{k}:[ \t]*(.*?)[ \t]*$", status, re.M)[1] for k in ("Uid", "Gid", "Groups", "CapPrm", "CapEff")}
        equal("and is himself, with the group of /var/mail alone", got, {
            "Uid": "\t".join([str(uid)] * 4), "Gid": "\t".join([gid] * 4), "Groups": "", "CapPrm": "0" * 16, "CapEff": "0" * 16})
        count = p.count()[0]
        body = p.ask_lines("RETR 2")[1].partition(b"\r\n\r\n")[2]
        equal("his mailbox is served by GNU's own code", (count, body, p.ask("DELE 1")[:3], p.ask("TOP 1 0")[:4], p.ask("QUIT")[:3]),
              (2, b"two\r\n..\r\n", b"+OK", b"-ERR", b"+OK"))
        equal("and what he deleted is gone", read(os.path.join(h.spool, h.host_user.pw_name)).count(b"\nSubject: "), 1)
    alike(pool, s.at, kinds, (3, 3, 4), "system_users = yes")
    answer, seconds = job.result()
    check("root is refused with the right password, like everybody", answer == WRONG and 2.99 <= seconds < 4, (answer, seconds))
    s.stop()


def main():
    h = House()
    a = h.account("a")
    good = md5_hash("secret")
    h.domain("kvt.dk", a, {u: "." for u in ("abc", "xyz", "shut")}, hashes={u: good for u in ("abc", "xyz", "shut")})
    h.domain("odd.dk", a, {u: "." for u in ODD}, hashes={u: stored for u, (stored, _, _) in ODD.items()})
    h.domain("trap.dk", a, {"trap": "."}, hashes={"trap": TRAP})
    for name, language in ("closed.dk", ""), ("lukket.dk", "language = da\n"):
        h.domain(name, a, {"abc": "."}, hashes={"abc": good})
        write(os.path.join(h.etc, name, "domain.conf"), "retrieve = no\n" + language, 0o600, a)
    for path in (os.path.join(h.etc, "closed.dk", "messages"), os.path.join(h.etc, "kvt.dk", "users")):
        os.mkdir(path, 0o700)
        os.chown(path, a.pw_uid, a.pw_gid)
    write(os.path.join(h.etc, "closed.dk/messages/closed.en"), "Read your mail at https://mail.closed.dk \xe6\n+OK\n", 0o600, a)
    write(os.path.join(h.etc, "kvt.dk/users/shut"), "retrieve = no\n", 0o600, a)
    h.write_settings(system_users="no", pop3_sessions_per_address="1000")
    s = ours(h)
    kinds = {"right user": "abc@kvt.dk", "no user": "nosuch@kvt.dk", "no domain": "abc@nowhere.dk", "no name": "..@/..", "no system user": "daemon",
             "no hash": "star@odd.dk"}
    with ThreadPoolExecutor(96) as pool:
        alike(pool, s.at, kinds, (1, 2, 4), "system_users = no")
        of_host = pool.submit(system_users, pool)
        guesses = limits(pool, s.at)
        trapped = trap(pool, s.at)
        odd_hashes(pool, s.at, "by default", False)()
        closed(pool, h, s.at)()
        guesses()
        h.write_settings(plain_text_passwords="yes")
        odd_hashes(pool, s.at, "plain_text_passwords = yes", True)()
        log_lines(h, s.at)
        over_ipv6(h)
        of_host.result()
        trapped()
        s.stop()
    done()


main()
