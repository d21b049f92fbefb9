#!/usr/bin/python3
"""Sessions of the real server: who they are, whom they mean, how many, how often, and what is noted of them."""
import hashlib
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import House  # noqa: E402
from pop3 import Pop3, mbox, md5_hash  # noqa: E402
from pop3d import LISTEN, Server, connections, ours_argv, session_process  # noqa: E402
from postfix import free_port  # noqa: E402
from scratch import read, wait_for, write  # noqa: E402

IN_USE = b"-ERR [IN-USE] The mailbox is in use by another session or program\r\n"
HOSTS = """127.0.0.21 mail.kvt.org loghost  # the first name that leads to a domain counts
127.0.0.22 other.example.com alias.dk
127.0.0.23 example.com
127.0.0.24\tnosuch.example kvt.dk.evil.example
#127.0.0.25 kvt.dk
127.0.0.26 pop.va.foo.com
"""


def with_hosts(h, *more):
    """The server, with another /etc/hosts in front of the host's, at all addresses of 127.0.0.0/8."""
    path, port = write(h.path("hosts"), HOSTS), free_port()
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    return Server("ours", ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, path,
                           *ours_argv(h, "--listen", f"0.0.0.0:{port}", *more)], port, h.path("pop3d.hosts"))


# --- whom a name means ---

def greetings(h, port):
    h.write_settings(pop3_domains="127.0.0.11=kvt.dk, 127.0.0.12=alias.dk,127.0.0.13=nosuch.dk, 127.0.0.21=kvt.dk")
    got = {}
    for n in (11, 12, 13, 21, 22, 23, 24, 25, 26):
        with Pop3(f"127.0.0.{n}", port) as p:
            m = re.fullmatch(rb"\+OK Virtual (?:(\S+) )?POP3 Server ready\r\n", p.greeting)
            got[n] = m and m[1]
    equal("the greeting names the domain of the address: pop3_domains, then /etc/hosts",
          got, {11: b"kvt.dk", 12: b"kvt.dk", 13: None, 21: b"kvt.dk", 22: b"kvt.dk", 23: None, 24: None, 25: None, 26: b"va.foo.com"})
    h.write_settings(pop3_domains="")
    with Pop3("127.0.0.21", port) as p:
        contains("each connection asks the settings anew", p.greeting, b"Virtual kvt.org POP3")


def names(h, port):
    """Each user has as many messages as his place in the list."""
    def count(address, name):
        with Pop3(address, port) as p:
            answer = p.login(name, "secret")[1]
            found = p.count()[0] if answer.startswith(b"+OK") else answer.split(b" ")[1]
            p.quit()
            return found
    no = b"[AUTH]"
    h.write_settings(pop3_domains="127.0.0.11=kvt.org", default_domain="")
    table = [("127.0.0.9", "abc@kvt.dk", 1), ("127.0.0.9", "abc%kvt.dk", 1), ("127.0.0.9", "ABC@KVT.DK", 1), ("127.0.0.9", "abc@alias.dk", 1),
             ("127.0.0.9", "abc@kvt.org", 2), ("127.0.0.9", "joe@va.foo.com", 3), ("127.0.0.9", "joe@mailhost.va.foo.com", 3),
             ("127.0.0.9", "joe%a.b.mailhost.va.foo.com", 3), ("127.0.0.9", "joe@foo.com", no), ("127.0.0.9", "abc@bl\u00e5b\u00e6r.dk", 4),
             ("127.0.0.9", "abc@xn--blbr-roah.dk", 4), ("127.0.0.9", "abc", no), ("127.0.0.11", "abc", 2), ("127.0.0.11", "abc@kvt.dk", 1),
             ("127.0.0.26", "joe", 3), ("127.0.0.26", "abc", no), ("127.0.0.9", "abc@kvt.dk@kvt.org", no), ("127.0.0.9", "abc@kvt.dk.", 1)]
    wrong = [f"{name} at {address}: {got}, not {want}" for address, name, want in table if (got := count(address, name)) != want]
    check("user@domain, user%domain, user: each way to write a name means who it should", not wrong, "\n".join(wrong))
    h.write_settings(default_domain="kvt.dk")
    equal("default_domain: a name without a domain is in it, unless the address tells another", (count("127.0.0.9", "abc"), count("127.0.0.11", "abc")), (1, 2))
    h.write_settings(default_domain="", pop3_domains="")


# --- who a session is ---

def inside(h, s, account):
    with Pop3("127.0.0.1", s.port) as p:
        p.must_login("abc@kvt.dk", "secret")
        pid = session_process(p, s)
        status = read(f"/proc/{pid}/status").decode()
        got = {k: re.search(rf"^{k}:[ \t]*(.*?)[ \t]*$", status, re.M)[1] for k in ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb")}
        uid, gid = "\t".join([str(account.pw_uid)] * 4), "\t".join([str(account.pw_gid)] * 4)
        equal("a session is the account, and cannot be root again: ids, groups, capabilities", got,
              {"Uid": uid, "Gid": gid, "Groups": str(account.pw_gid), "CapInh": "0" * 16, "CapPrm": "0" * 16, "CapEff": "0" * 16, "CapAmb": "0" * 16})
        links = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        check("it has no file open that is root's alone, locks of sessions aside",
              not [l for l in links if "shadow" in l or "passwd" in l or l.endswith(".key")], links)
        listening = {e[3] for e in connections() if e[4] == LISTEN}
        equal("nor a socket that listens", [l for l in links if l[8:-1] in listening], [])


def in_use(s):
    with Pop3("127.0.0.1", s.port) as p, Pop3("127.0.0.1", s.port) as q:
        p.must_login("abc@kvt.dk", "secret")
        equal("a second session for a mailbox is refused", q.login("abc@kvt.dk", "secret")[1], IN_USE)
        check("and may log in as another user", q.login("abc@kvt.org", "secret")[1].startswith(b"+OK"))
        pid = session_process(p, s)
        os.kill(pid, 9)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
        check("a session that was killed leaves the mailbox free", Pop3("127.0.0.1", s.port).login("abc@kvt.dk", "secret")[1].startswith(b"+OK"))


def places(h, s):
    h.write_settings(pop3_sessions_per_address="3")
    open_ones = [Pop3("127.0.0.1", s.port, source="127.0.1.2") for _ in range(3)]
    with Pop3("127.0.0.1", s.port, source="127.0.1.2") as p:
        equal("pop3_sessions_per_address = 3: the fourth is refused and ended", (p.greeting, p.ended()), (b"-ERR [SYS/TEMP] Too many connections from your address\r\n", True))
    with Pop3("127.0.0.1", s.port, source="127.0.1.3") as p:
        contains("another address is not", p.greeting, b"+OK")
    equal("and that is in the log", len(h.log.wait("refused connection from 127.0.1.2: too many sessions")), 1)
    for p in open_ones:
        p.quit()

    def again():
        with Pop3("127.0.0.1", s.port, source="127.0.1.2") as p:
            return p.greeting.startswith(b"+OK")
    check("when one has ended there is a place again", wait_for(again, 3))
    h.write_settings(pop3_sessions_per_address="100")


def delay(h, s):
    h.write_settings(login_delay="2")

    def login():
        with Pop3("127.0.0.1", s.port) as p:
            return p.login("slow@kvt.dk", "secret")[1], p.ask("QUIT")[:3]
    began = time.time()
    first, second = login(), login()
    equal("login_delay = 2: the first login is good, the next too early", (first[0][:3], second), (b"+OK", (b"-ERR [LOGIN-DELAY] Your last login was too short a time ago\r\n", b"+OK")))
    with Pop3("127.0.0.1", s.port) as p:
        check("another user does not wait", p.login("abc@kvt.org", "secret")[1].startswith(b"+OK"))
    check("after the delay it is good", wait_for(lambda: login()[0].startswith(b"+OK"), 5, 0.3) and time.time() - began > 1)
    h.write_settings(login_delay="0")


# --- what is noted ---

def noted(h, s):
    h.log.lines.clear()
    h.write_settings(login_log="all")
    with Pop3("127.0.0.1", s.port) as p:
        p.must_login("ABC%kvt.dk", "secret")
        equal("login_log = all: a login is a line, with whom the name means", [l.partition("]: ")[2] for l in h.log.wait("login of")], ["login of abc@kvt.dk from 127.0.0.1"])
    h.write_settings(login_log="errors")
    check("the last login is noted", os.path.getmtime(h.path("state/seen/kvt.dk/abc")) > time.time() - 60)
    check("and nothing of who only tried", not os.path.exists(h.path("state/seen/kvt.dk/old")))


def rehash(h, s):
    def stored(user):
        return re.search(rf"^{user}:([^:]*):", read(os.path.join(h.etc, "kvt.dk/passwd")).decode(), re.M)[1]
    h.write_settings(rehash_passwords="yes")
    weak = stored("weak")
    with Pop3("127.0.0.1", s.port) as p:
        p.login("weak@kvt.dk", "not this")
        equal("a wrong password changes no hash", (time.sleep(0.2), stored("weak"))[1], weak)
        began = time.monotonic()
        p.must_login("weak@kvt.dk", "secret ")
        seconds = time.monotonic() - began
        check("rehash_passwords: a weak hash becomes a strong one", wait_for(lambda: stored("weak").startswith("$y$"), 10), stored("weak"))
        check("the session did not wait for it", seconds < 0.5, seconds)
    with Pop3("127.0.0.1", s.port) as p:
        equal("it is the same password, with the blank at its end", [p.login("weak@kvt.dk", "secret")[1][:4], p.login("weak@kvt.dk", "secret ")[1][:3]], [b"-ERR", b"+OK"])
    lines = [l for l in read(h.path("state/history/kvt.dk")).decode().splitlines() if "weak@kvt.dk" in l]
    check("and the history tells by whom, and from where", len(lines) == 1 and "virtual-pop3d" in lines[0] and "127.0.0.1" in lines[0], lines)
    strong = stored("weak")
    time.sleep(0.3)
    equal("a strong one stays", stored("weak"), strong)
    h.write_settings(rehash_passwords="no")


def apop(h, s, secret):
    def digest(p, word):
        return hashlib.md5((re.findall(rb"<.*>", p.greeting) or [b"<1.1@x>"])[0] + word.encode()).hexdigest()

    def answer(user, word):
        with Pop3("127.0.0.1", s.port) as p:
            return p.ask(f"APOP {user} {digest(p, word)}")
    wrong = b"-ERR [AUTH] Wrong user name or password\r\n"
    h.write_settings(apop="no")
    equal("apop = no: APOP is refused", answer("abc@kvt.dk", secret), b"-ERR APOP is not offered here\r\n")
    h.write_settings(apop="yes")
    with Pop3("127.0.0.1", s.port) as p:
        check("only with apop = yes the greeting holds a challenge", re.search(rb" <\d+\.\d+@[^<>@ ]+>\r\n$", p.greeting), p.greeting)
    equal("APOP: the right secret is let in", answer("abc@kvt.dk", secret)[:3], b"+OK")
    began = time.monotonic()
    got = [answer("abc@kvt.dk", "wrong"), answer("abc@kvt.dk", ""), answer("nosuch@kvt.dk", secret), answer("slow@kvt.dk", ""), answer("slow@kvt.dk", "secret")]
    check("APOP: another one is not, nor who has none, nor his password", got == [wrong] * 5 and time.monotonic() - began > 5, got)
    with Pop3("127.0.0.1", s.port) as p, Pop3("127.0.0.1", s.port) as q:
        equal("APOP: a digest of another greeting is wrong", p.ask(f"APOP abc@kvt.dk {digest(q, secret)}"), wrong)
        equal("APOP: and the connection may try again", p.ask(f"APOP abc@kvt.dk {digest(p, secret)}")[:3], b"+OK")
    with Pop3("127.0.0.1", s.port) as p:
        equal("APOP: with bad arguments it is no try", {p.ask(f"APOP {x}") for x in ("abc@kvt.dk", "abc@kvt.dk " + "0" * 31, f"a b {'0' * 32}", f"abc@kvt.dk {'0' * 33}")},
              {b"-ERR Invalid arguments\r\n"})
    h.write_settings(apop="no")


def many(h):
    """pop3_sessions: who comes too much waits."""
    h.write_settings(pop3_sessions="2")
    port = free_port()
    s = Server("ours", ours_argv(h, "--listen", f"127.0.0.1:{port}"), port, h.path("pop3d.two"))
    two = [Pop3("127.0.0.1", port) for _ in range(2)]
    third = Pop3("127.0.0.1", port, greet=False)
    third.socket.settimeout(0.3)
    try:
        early = third.line()
    except TimeoutError:
        early = None
    equal("pop3_sessions = 2: the third waits", early, None)
    two[0].quit()
    third.socket.settimeout(10)
    contains("until one has ended", third.line(), b"+OK")
    equal("and is served", third.ask("QUIT"), b"+OK\r\n")
    two[1].close()
    s.stop()
    h.write_settings(pop3_sessions="200")


def main():
    h = House()
    a, b = h.account("a"), h.account("b")
    good = md5_hash("secret")
    h.domain("kvt.dk", a, {u: "." for u in ("abc", "slow", "weak", "old")}, hashes={"abc": good, "slow": good, "weak": md5_hash("secret "), "old": good})
    h.domain("kvt.org", b, {"abc": "."}, hashes={"abc": good})
    h.domain("va.foo.com", b, {"joe": "."}, hashes={"joe": good})
    h.domain("xn--blbr-roah.dk", b, {"abc": "."}, hashes={"abc": good})
    write(os.path.join(h.etc, "domains"), "alias.dk alias_of=kvt.dk\n")
    for n, (domain, user, owner) in enumerate((("kvt.dk", "abc", a), ("kvt.org", "abc", b), ("va.foo.com", "joe", b), ("xn--blbr-roah.dk", "abc", b)), 1):
        write(os.path.join(h.spool, domain, user), mbox(n, 300), 0o600, owner)
    h.write_settings(system_users="no", pop3_sessions_per_address="100")
    secret = "x7Kp-2mQv,9Zr"
    write(os.path.join(h.etc, "kvt.dk", "apop"), f"abc:{secret}\n", 0o600, a)
    s = with_hosts(h)
    greetings(h, s.port)
    names(h, s.port)
    inside(h, s, a)
    in_use(s)
    places(h, s)
    delay(h, s)
    noted(h, s)
    rehash(h, s)
    apop(h, s, secret)
    equal("no process crashed meanwhile", [l for l in s.output().splitlines() if "signal" in l and "signal 9" not in l], [])
    s.stop()
    many(h)
    done()


main()
