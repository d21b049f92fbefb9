#!/usr/bin/python3
"""Dialogues with the real server, command by command in each state, in plain text and under TLS: RFC 1939, 2449, 2595."""
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import House  # noqa: E402
from pop3 import Pop3, certificate, mbox, md5_hash  # noqa: E402
from pop3d import ours, ours_inetd, session_process  # noqa: E402
from scratch import at_end, read, wait_for, write  # noqa: E402

USER, PASSWORD = "abc@kvt.dk", "secret"
STATE, COMMAND, ARGUMENTS = b"-ERR Incorrect state", b"-ERR Invalid command", b"-ERR Invalid arguments"
NONE, GONE, LINE = b"-ERR No such message", b"-ERR Message has been deleted", b"-ERR The command is too long"
VERBS = "APOP AUTH CAPA DELE LIST NOOP PASS QUIT RETR RSET STAT STLS TOP UIDL USER XYZZY".split()
NUMBERS = ["0", "5", "2147483648", "4294967297", "18446744073709551616", "18446744073709551617", "9" * 200]
NO_NUMBERS = ["-1", "+1", "1x", "x", "0x1", "1.0", "1,2", "1 x", "%s%n", "\xff"]

# From top to bottom in one session. The messages of bodies() are 1 to 4.
BEFORE_USER = [(c, STATE) for c in ("STAT", "LIST", "LIST 1", "UIDL", "UIDL 1", "RETR 1", "DELE 1", "TOP 1 0", "NOOP", "RSET")] + [
    ("PASS secret", COMMAND), ("XYZZY", COMMAND), ("", COMMAND), (" ", COMMAND), ("+OK", COMMAND), ("STATX", COMMAND), ("STA", COMMAND),
    (" STAT", COMMAND), ("\tCAPA", COMMAND), (" APOP abc@kvt.dk 0123456789abcdef0123456789abcdef", COMMAND),
    ("USER", ARGUMENTS), ("USER ", ARGUMENTS), ("USER a b", ARGUMENTS), ("PASS", ARGUMENTS), ("APOP", ARGUMENTS),
    ("APOP abc@kvt.dk 0123", b"-ERR APOP is not offered"), ("AUTH", b"-ERR Not implemented"), ("AUTH PLAIN", b"-ERR Not implemented"),
    ("STLS x", ARGUMENTS), ("NOOP x", ARGUMENTS), ("QUIT x", ARGUMENTS), ("CAPA x", ARGUMENTS)]
AFTER_USER = [(c, COMMAND) for c in ("STAT", "LIST", "RETR 1", "NOOP", "XYZZY", "USER abc@kvt.dk", "AUTH", "RSET")]
STILL_AFTER_USER = [  # they are refused, and PASS is still waited for
    (" PASS secret", COMMAND), ("", COMMAND), ("PASS", ARGUMENTS), ("QUIT now", ARGUMENTS), ("NO\0OP", LINE), ("CAPA", b"+OK Capability list follows")]
TRANSACTION = [
    ("USER abc@kvt.dk", STATE), ("PASS secret", COMMAND), ("STLS", STATE), ("NOOP", b"+OK\r\n"), ("noop", b"+OK"), ("nOoP ", b"+OK"),
    ("NOOP 1", ARGUMENTS), ("STAT 1", ARGUMENTS), ("RSET 1", ARGUMENTS), ("LIST 1 2", ARGUMENTS), ("UIDL 1 2", ARGUMENTS),
    ("RETR", ARGUMENTS), ("RETR 1 2", ARGUMENTS), ("DELE", ARGUMENTS), ("DELE 1 2", ARGUMENTS),
    ("TOP", ARGUMENTS), ("TOP 1", ARGUMENTS), ("TOP 1 ", ARGUMENTS), ("TOP 1 2 3", ARGUMENTS), ("TOP 1 -1", ARGUMENTS),
    ("TOP 1 x", ARGUMENTS), ("TOP 1 1x", ARGUMENTS), ("TOP x 1", ARGUMENTS), ("TOP 9 x", ARGUMENTS), ("TOP\t1", ARGUMENTS),
] + [(f"{verb}{n}{tail}", NONE) for verb, tail in (("RETR ", ""), ("DELE ", ""), ("LIST ", ""), ("UIDL ", ""), ("TOP ", " 0"))
     for n in NUMBERS] + [
    (f"{verb}{n}{tail}", ARGUMENTS) for verb, tail in (("RETR ", ""), ("DELE ", ""), ("LIST ", ""), ("UIDL ", ""), ("TOP ", " 0"))
    for n in NO_NUMBERS] + [
    (" DELE 1x", COMMAND), (" DELE 1", COMMAND), ("\tDELE 1", COMMAND), ("DELE\0 1", LINE), ("DELE 1\0", LINE), ("DELE 1\r ", LINE), ("\x1bDELE 1", LINE),
    ("%s%n%s%n", COMMAND), ("%n", COMMAND), ("\xff\xfe", COMMAND), ("APOP a b", b"-ERR APOP is not offered")]
DELETING = [
    ("STAT", b"+OK 4 "), ("DELE 2", b"+OK"), ("STAT", b"+OK 3 "), ("DELE 2", GONE), ("RETR 2", GONE), ("TOP 2 0", GONE), ("LIST 2", GONE),
    ("UIDL 2", GONE), ("LIST 1", b"+OK 1 "), ("LIST 3", b"+OK 3 "), ("UIDL 3", b"+OK 3 "), ("DELE 02", GONE), ("RSET", b"+OK"),
    ("STAT", b"+OK 4 "), ("LIST 2", b"+OK 2 "), ("DELE 0000000000000000000000001", b"+OK"), ("dele 3 ", b"+OK"), ("DELE 2", b"+OK"), ("DELE 4", b"+OK"),
    ("STAT", b"+OK 0 0\r\n"), ("DELE 1", GONE), ("RSET", b"+OK"), ("STAT", b"+OK 4 ")]


def bodies():
    """What is hard to send, as it should arrive: LF, no dot-stuffing."""
    dots = b"".join(b"." * (n % 3 + 1) + b"y" * (n % 5) + b"\n" for n in range(60000))  # a dot at every edge of every buffer
    head = b"From: s@example.org\nSubject: "
    return [head + b"one\n\nhello\n", head + b"dots\n\n.\n..\n.x\n\n.\n", head + b"edges\n\n" + dots,
            head + b"From_\n\nFrom me\n>From you\n\n>>From all of us\n" + b"z" * 70000 + b"\n.\nlast\n"]


def quoted(message):
    """As an mbox has it (mboxrd)."""
    return b"From s@example.org Fri Nov 20 09:56:12 2026\n" + re.sub(rb"(?m)^(>*From )", rb">\1", message) + b"\n"


def wire(message):
    """As it is on the wire."""
    return re.sub(rb"(?m)^\.", b"..", message).replace(b"\n", b"\r\n")


class Site:
    def __init__(self):
        self.house = h = House()
        self.account = a = h.account("a")
        h.domain("kvt.dk", a, {"abc": ".", "xyz": "."}, hashes={"abc": md5_hash(PASSWORD), "xyz": md5_hash(PASSWORD)})
        h.domain("kvt.org", a, {"abc": "."}, hashes={"abc": md5_hash("other")})
        write(h.path("etc", "domains"), "kvt.dk\nkvt.org\nalias.dk alias_of=kvt.dk\n")
        os.mkdir(h.path("tls"))
        self.certificate = certificate(h.path("tls"))
        self.mbox = os.path.join(h.spool, "kvt.dk", "abc")
        self.write(b"".join(map(quoted, bodies())))
        h.write_settings(system_users="no", pop3_sessions_per_address="100")

    def write(self, data, user="abc"):
        write(os.path.join(self.house.spool, "kvt.dk", user), data, 0o600, self.account)

    def offer_tls(self, how="optional", **more):
        self.house.write_settings(pop3_certificate=self.certificate[0], pop3_key=self.certificate[1], pop3_tls=how, **more)

    def stop_tls(self):
        self.house.write_settings(pop3_certificate="", pop3_key="", pop3_tls="optional", pop3s_listen="")


def encoded(command):
    return command.encode("latin-1")


def follow(p, table):
    """The lines of a table that were answered otherwise. Answers of many lines are read to their end."""
    wrong = []
    for command, want in table:
        got, _ = p.ask_lines(command) if command == "CAPA" else (p.ask(encoded(command)), b"")
        if not got.startswith(want):
            wrong.append(f"{command[:80]!r}: {got!r}, not {want!r}")
    return wrong


def dialogues(title, connect):
    """connect(): a new connection before USER."""
    with connect() as p:
        check(f"{title}: before USER every command is answered as it should be", not (w := follow(p, BEFORE_USER)), "\n".join(w))
    with connect() as p:
        wrong = []
        for row in AFTER_USER:
            wrong += follow(p, [("USER abc@kvt.dk", b"+OK"), row])
        wrong += follow(p, [("USER abc@kvt.dk", b"+OK")] + STILL_AFTER_USER + [("PASS secret", b"+OK")])
        check(f"{title}: behind USER only PASS, QUIT and CAPA are taken", not wrong, "\n".join(wrong))
    with connect() as p:
        p.must_login(USER, PASSWORD)
        check(f"{title}: behind PASS every command is answered as it should be", not (w := follow(p, TRANSACTION)), "\n".join(w))
        check(f"{title}: what is deleted is gone until RSET", not (w := follow(p, DELETING)), "\n".join(w))
        equal(f"{title}: QUIT says goodbye, and the connection ends", (p.ask("QUIT"), p.ended()), (b"+OK\r\n", True))


def contents(title, connect):
    """LIST, RETR and TOP tell the truth."""
    messages = bodies()
    with connect() as p:
        p.must_login(USER, PASSWORD)
        count, octets = p.count()
        listed = p.ask_lines("LIST")[1].split(b"\r\n")[:-1]
        sent = [p.ask_lines(f"RETR {n}") for n in range(1, count + 1)]
        equal(f"{title}: every message arrives, dot-stuffed, to the byte", [s[1] for s in sent], [wire(m) for m in messages])
        lengths = [len(m.replace(b"\n", b"\r\n")) for m in messages]
        equal(f"{title}: LIST tells the octets that RETR sends, dot-stuffing undone", listed, [b"%d %d" % (n + 1, x) for n, x in enumerate(lengths)])
        equal(f"{title}: STAT tells their sum", octets, sum(lengths))
        equal(f"{title}: LIST n tells the same", [p.ask(f"LIST {n + 1}") for n in range(count)], [b"+OK %s\r\n" % l for l in listed])
        ids = p.ask_lines("UIDL")[1].split(b"\r\n")[:-1]
        check(f"{title}: UIDL tells one id of 1 to 70 characters for each",
              len({i.split(b" ")[1] for i in ids}) == count and all(re.fullmatch(rb"%d [!-~]{1,70}" % (n + 1), i) for n, i in enumerate(ids)), ids)
        equal(f"{title}: UIDL n tells the same", [p.ask(f"UIDL {n + 1}") for n in range(count)], [b"+OK %s\r\n" % i for i in ids])
        head, _, body = wire(messages[1]).partition(b"\r\n\r\n")
        lines = body.split(b"\r\n")[:-1]
        wrong = []
        for text, n in (("0", 0), ("1", 1), ("3", 3), ("4 ", 4), ("\t2", 2), ("005", 5), ("6", 5), ("4294967296", 5), ("99999999999999999999999", 5)):
            got = p.ask_lines(f"TOP 2 {text}")[1]
            want = head + b"\r\n\r\n" + b"".join(l + b"\r\n" for l in lines[:n])
            wrong += [f"TOP 2 {text!r}: {got!r}, not {want!r}"] if got != want else []
        check(f"{title}: TOP sends the header, the empty line and as many lines as were asked for", not wrong, "\n".join(wrong))
        equal(f"{title}: the session is in step behind all that", p.ask("NOOP"), b"+OK\r\n")


# --- lines and packets ---

def long_lines(connect, verb):
    """Each line of a verb is one refusal, however long."""
    wrong = []
    with connect() as p:
        p.must_login("xyz@kvt.dk", PASSWORD)
        for size in (255, 256, 511, 512, 513, 514, 5000, 100000):
            for fill in (b"a", b"1", b" ", b"%s%n"):
                line = (verb.encode() + b" " + fill * size)[:size - 2]
                p.send(line + b"\r\nNOOP\r\n")
                got, then = p.line(), p.line()
                fine = fill == b" " and size <= 512 and verb in ("STAT", "RSET", "NOOP")
                want = LINE if size > 512 else b"+OK" if fine else b"-ERR"
                if verb in ("LIST", "UIDL", "CAPA", "QUIT") and fill == b" " and size <= 512:
                    return wrong  # a right command
                if not got.startswith(want) or not then.startswith(b"+OK"):
                    wrong.append(f"{verb}, {size} bytes of {fill!r}: {got!r}, {then!r}")
    return wrong


def lines(site, s):
    def connect():
        return Pop3(*s.at)
    users = VERBS
    site.house.domain("lines.dk", site.account, {f"u{n}": "." for n in range(len(users))}, hashes={f"u{n}": md5_hash(PASSWORD) for n in range(len(users))})

    class Own(Pop3):  # each verb has a mailbox of its own, so that they can run side by side
        number = 0

        def must_login(self, name, password):
            return super().must_login(f"u{self.number}@lines.dk", password)

    def one(n):
        p = Own(*s.at)
        p.number = n
        return long_lines(lambda: p, VERBS[n])
    with ThreadPoolExecutor(4) as pool:
        wrong = [w for found in pool.map(one, range(len(VERBS))) for w in found]
    check("a line of any verb and of 255 to 100,000 bytes is one answer", not wrong, "\n".join(wrong))
    with connect() as p:
        wrong = [n for n in range(49) if not p.ask("x" * 600).startswith(LINE)]
        equal("49 lines that are none are refused, the 50th ends the session", (wrong, p.ask("x" * 600)[:4], p.ended()), ([], b"-ERR", True))
    with connect() as p:
        p.send(b"USER abc@kvt.dk\nPASS secret\nSTAT\nQUIT\n")
        equal("lines may end in LF alone", [p.line()[:4] for _ in range(4)] + [p.ended()], [b"+OK\r", b"+OK ", b"+OK ", b"+OK\r", True])
    bad = [bytes([c]) for c in range(32) if c not in (9, 10, 13)] + [b"\x7f", b"\r"]
    with connect() as p:
        p.must_login(USER, PASSWORD)
        equal("a line with a control character is refused whole", {p.ask(b"NOOP" + c + b" ")[:len(LINE)] for c in bad}, {LINE})
    name = "x" * (512 - 7)
    with connect() as p:
        equal("a line of 512 bytes is taken, one of 513 is not", (p.ask(f"USER {name}"), p.ask("QUIT")[:3], Pop3(*s.at).ask(f"USER {name}y")[:len(LINE)]),
              (b"+OK\r\n", b"+OK", LINE))


def answers(s, data, step=None):
    """All that comes for these bytes, sent at once or `step` bytes at a time."""
    with Pop3(*s.at) as p:
        if step is None:
            p.send(data)
        else:
            for at in range(0, len(data), step):
                p.send(data[at:at + step])
                time.sleep(0.0005)
        while p._more():
            pass
        return p.rest


def packets(s):
    talk = b"USER abc@kvt.dk\r\nPASS secret\r\nSTAT\r\nLIST\r\nUIDL\r\nTOP 4 1\r\nRETR 2\r\nDELE 1\r\nRETR 1\r\nRSET\r\nRETR 3\r\nQUIT\r\n"
    whole = answers(s, talk)
    check("a whole session in one packet is answered to its end", whole.endswith(wire(bodies()[2]) + b".\r\n+OK\r\n"), whole[-60:])
    equal("byte by byte it gets the same answers", answers(s, talk, 1), whole)
    many = b"USER abc@kvt.dk\r\nPASS secret\r\n" + b"NOOP\r\n" * 20000 + b"QUIT\r\n"
    equal("20,000 commands in a row are answered one by one", answers(s, many).count(b"+OK"), 20003)
    with Pop3(*s.at) as p:
        p.must_login(USER, PASSWORD)
        p.send(b"RETR 3\r\n" * 40)  # more than all buffers hold, and nobody reads
        time.sleep(0.3)
        got = [p.line() + p.lines() for _ in range(40)]
        equal("a client that reads late gets all of it", set(got), {b"+OK\r\n" + wire(bodies()[2])})


def endings(site, s):
    before = read(site.mbox)

    def leave(how):
        p = Pop3(*s.at)
        p.must_login(USER, PASSWORD)
        answers = [p.ask("DELE 1"), p.ask("DELE 2")]
        pid = session_process(p, s)
        how(p, pid)
        p.close()
        gone = wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
        return (all(a.startswith(b"+OK") for a in answers), bool(gone), read(site.mbox) == before)
    ways = [("the end of the connection", lambda p, pid: p.socket.shutdown(socket.SHUT_WR)),
            ("a reset", lambda p, pid: p.reset()), ("a QUIT without its newline", lambda p, pid: p.send(b"QUIT")),
            ("a QUIT with an argument", lambda p, pid: p.ask("QUIT 1")), ("SIGTERM", lambda p, pid: os.kill(pid, 15)),
            ("SIGHUP", lambda p, pid: os.kill(pid, 1)), ("SIGKILL", lambda p, pid: os.kill(pid, 9)), ("half of a RETR", half)]
    for title, how in ways:
        equal(f"{title} removes nothing, and the session ends", leave(how), (True, True, True))
    with Pop3(*s.at) as p:
        p.must_login(USER, PASSWORD)
        equal("after all that the mailbox is free", p.count()[0], 4)


def half(p, pid):
    p.send(b"RETR 3\r\n" * 30)
    p.line()
    p.reset()


def idle(site, title, connect, server):
    """Let the next wait for the client end at once, as if its time were over."""
    before = read(site.mbox)
    with connect() as p:
        p.must_login(USER, PASSWORD)
        p.ask("DELE 1")
        pid = session_process(p, server)
        calls = "poll,ppoll,select,pselect6"
        tracer = subprocess.Popen(["/usr/bin/strace", "-qq", "-p", str(pid), "-e", f"trace={calls}", "-e", f"inject={calls}:retval=0"],
                                  stderr=subprocess.DEVNULL)
        at_end(tracer.kill)
        wait_for(lambda: b"TracerPid:\t0" not in read(f"/proc/{pid}/status"))
        first = p.ask("NOOP")
        said = p.line() if first == b"+OK\r\n" else first
        equal(f"{title}: an idle session is told so and ends", (said, p.ended()), (b"-ERR Session timed out\r\n", True))
        tracer.wait(20)
        equal(f"{title}: and it removes nothing", read(site.mbox) == before, True)


# --- TLS ---

def capabilities(p):
    return p.ask_lines("CAPA")[1].decode().split("\r\n")[:-1]


def capa(site):
    """CAPA in each state, by settings."""
    h = site.house
    plain = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER"]
    s = ours(h)
    with Pop3(*s.at) as p:
        equal("CAPA without a certificate", capabilities(p), plain + ["USER"])
        equal("and STLS is no command then", p.ask("STLS")[:len(COMMAND)], COMMAND)
        p.must_login("xyz@kvt.dk", PASSWORD)
        check("behind the login it tells who is there", capabilities(p)[-1].startswith("IMPLEMENTATION postfix-virtual-"))
    h.write_settings(login_delay="30")
    with Pop3(*s.at) as p:
        equal("CAPA with a login delay", capabilities(p), plain + ["USER", "LOGIN-DELAY 30"])
    h.write_settings(login_delay="0")
    equal("SIGTERM ends the server", s.stop(), 0)


def injection(s):
    with Pop3(*s.at) as p:
        first = p.stls(b"USER evil@kvt.dk\r\nPASS x\r\nNOOP\r\n")
        equal("what came behind STLS in plain text is forgotten", (first[:3], p.ask("XYZZY")[:len(COMMAND)], capabilities(p)[-1]), (b"+OK", COMMAND, "USER"))
        equal("a second STLS is refused", p.ask("STLS")[:len(STATE)], STATE)
    with Pop3(*s.at) as p:
        p.send(b"USER evil@kvt.dk\r\nSTLS\r\n")
        equal("STLS is refused between USER and PASS, in step", [p.line()[:4], p.line()[:len(COMMAND)], p.ask("STLS")[:3]], [b"+OK\r", COMMAND, b"+OK"])


def versions(at):
    found = []
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(at, 10) as plain:
            try:
                with context.wrap_socket(plain) as t:
                    found.append((version.name, t.recv(3)))
            except OSError:
                found.append((version.name, b""))
    equal("TLS 1.2 and later only", found, [("TLSv1", b""), ("TLSv1_1", b""), ("TLSv1_2", b"+OK"), ("TLSv1_3", b"+OK")])


def by_stls(s):
    def connect():
        p = Pop3(*s.at)
        p.stls()
        return p
    return connect


def tls(site):
    h = site.house
    site.offer_tls()
    s = ours(h)
    with Pop3(*s.at) as p:
        contains("STLS is offered where there is a certificate", capabilities(p), "STLS")
    connect = by_stls(s)
    with connect() as p:
        equal("and not again under TLS", capabilities(p)[-1], "USER")
    injection(s)
    dialogues("STLS", connect)
    contents("STLS", connect)
    idle(site, "STLS", connect, s)
    with connect() as p:
        p.send(b"USER abc@kvt.dk\r\nPASS secret\r\n" + b"NOOP\r\n" * 500 + b"RETR 4\r\nQUIT\r\n")
        got = [p.line()[:3] for _ in range(502)], p.line(), p.lines(), p.line(), p.ended()
        equal("STLS: pipelined commands are answered one by one", got, ([b"+OK"] * 502, b"+OK\r\n", wire(bodies()[3]), b"+OK\r\n", True))
    s.stop()
    site.stop_tls()


def tls_required(site):
    h = site.house
    site.offer_tls("required")
    s = ours(h)
    first = b"-ERR Begin TLS first"
    with Pop3(*s.at) as p:
        equal("pop3_tls = required: CAPA has STLS and no USER", [c for c in capabilities(p) if c in ("STLS", "USER")], ["STLS"])
        got = [p.ask(c)[:len(first)] for c in ("USER abc@kvt.dk", "user abc@kvt.dk", " USER abc@kvt.dk", "STAT")]
        equal("pop3_tls = required: nobody logs in before TLS", got, [first, first, COMMAND, STATE])
        h.write_settings(apop="yes")
    with Pop3(*s.at) as p:
        equal("pop3_tls = required: not by APOP either", p.ask("APOP abc@kvt.dk " + "0" * 32)[:len(first)], first)
        equal("and then by STLS", (p.stls()[:3], capabilities(p)[-1], p.must_login(USER, PASSWORD).count()[0]), (b"+OK", "USER", 4))
    h.write_settings(apop="no")
    h.log.lines.clear()
    Pop3(*s.at).close()
    with Pop3(*s.at) as p:
        p.ask("STLS")
        p.send(b"this is no TLS at all\r\n" + b"x" * 3000)
        check("what is no TLS ends the connection", wait_for(lambda: not p._more(), 5))
    equal("a client that leaves without TLS crashes nothing", [l for l in s.output().splitlines() if "signal" in l], [])
    s.stop()
    site.stop_tls()


def tls_first(site):
    """From the first byte (RFC 8314)."""
    from postfix import free_port
    from pop3d import Server, ours_argv
    h = site.house
    port, secure = free_port(), free_port()
    site.offer_tls("required", pop3_listen=f"127.0.0.1:{port}", pop3s_listen=f"127.0.0.1:{secure}")
    s = Server("POP3S", ours_argv(h), secure, h.path("pop3s"))

    def connect():
        return Pop3("127.0.0.1", secure, tls=True)
    with connect() as p:
        equal("POP3S: the greeting comes under TLS, and STLS is not offered", (p.greeting[:3], capabilities(p)[-1]), (b"+OK", "USER"))
    dialogues("POP3S", connect)
    versions(("127.0.0.1", secure))
    with Pop3("127.0.0.1", port) as p:
        equal("beside it the plain port still asks for STLS", p.ask("USER abc@kvt.dk")[:20], b"-ERR Begin TLS first")
    s.stop()
    h.write_settings(pop3_listen="0.0.0.0:110")
    site.stop_tls()


def main():
    site = Site()
    s = ours(site.house)

    def connect():
        return Pop3(*s.at)
    dialogues("plain", connect)
    contents("plain", connect)
    lines(site, s)
    packets(s)
    endings(site, s)
    idle(site, "plain", connect, s)
    equal("no process crashed meanwhile", [l for l in s.output().splitlines() if "signal" in l and "signal 9" not in l], [])
    s.stop()
    capa(site)
    tls(site)
    tls_required(site)
    tls_first(site)
    s = ours_inetd(site.house)
    dialogues("inetd", lambda: Pop3(*s.at))
    s.stop()
    site.write(mbox(3, 500))
    done()


main()
