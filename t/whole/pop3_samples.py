#!/usr/bin/env python3
"""The samples for the POP3 server, each in the program it is for: systemd, inetd, xinetd, fail2ban."""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from pop3 import Pop3, mbox, md5_hash  # noqa: E402
from pop3d import Inetd, Server, ours, ours_argv, session_pid  # noqa: E402
from postfix import free_port  # noqa: E402
from scratch import TOP, folder, must, read, run, wait_for, write  # noqa: E402
from systemd import Journal, Systemd, settings_of, verify  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

FILTER = os.path.join(TOP, "samples", "fail2ban", "filter.d", "virtual-pop3d.conf")
PREFIX = "Nov 20 09:56:12 mail virtual-pop3d[123]: "
REASONS = ("wrong password", "too many wrong passwords")

# (what it is, line of a log, who is banned for it)
LINES = [
    ("a wrong password", PREFIX + "refused login of abc@kvt.dk from 192.0.2.1: wrong password", "192.0.2.1"),
    ("too many", PREFIX + "refused login of abc@kvt.dk from 192.0.2.1: too many wrong passwords", "192.0.2.1"),
    ("IPv6", PREFIX + "refused login of abc@kvt.dk from 2001:db8::1: wrong password", "2001:db8::1"),
    ("IPv6, whole", PREFIX + "refused login of a from 2001:db8:0:1:2:3:4:5: wrong password", "2001:db8:0:1:2:3:4:5"),
    ("no name", PREFIX + "refused login of  from 192.0.2.1: wrong password", "192.0.2.1"),
    ("dates of RFC 3339", "2026-11-20T09:56:12.123456+00:00 mail virtual-pop3d[123]: refused login of a from 192.0.2.1: wrong password",
     "192.0.2.1"),
    ("the right password of who may not fetch", PREFIX + "refused login of abc@kvt.dk from 192.0.2.1: closed", None),
    ("our own trouble", PREFIX + "refused login of abc@kvt.dk from 192.0.2.1: unavailable", None),
    ("a login", PREFIX + "login of abc@kvt.dk from 192.0.2.1", None),
    ("too many sessions", PREFIX + "refused connection from 192.0.2.1: too many sessions", None),
    ("a client that is no address", PREFIX + "refused login of a from -: wrong password", None),
    ("a host's name", PREFIX + "refused login of a from localhost: wrong password", None),
    ("a date as a name", PREFIX + "refused login of 2026-11-20T00:00:00 from 192.0.2.1: wrong password", "192.0.2.1"),
    ("the name is a whole line's end", PREFIX + "refused login of x?from?1.2.3.4:?wrong?password from 192.0.2.1: wrong password", "192.0.2.1"),
    ("the same, were blanks let through", PREFIX + "refused login of x from 1.2.3.4: wrong password from 192.0.2.1: wrong password",
     "192.0.2.1"),
    ("the same, of one who was let in", PREFIX + "refused login of x from 1.2.3.4: wrong password from 192.0.2.1: closed", None),
    ("the same, in a login", PREFIX + "login of x from 1.2.3.4: wrong password from 192.0.2.1", None),
    ("more behind the end", PREFIX + "refused login of x from 1.2.3.4: wrong password, or so", None),
    ("the name has a date and a prefix", PREFIX + "refused login of Nov 20 09:56:12 m virtual-pop3d[1]: refused login of a from 1.2.3.4: wrong "
     "password from 192.0.2.1: closed", None),
    ("another program's line", "Nov 20 09:56:12 mail postfix/smtpd[1]: refused login of a from 1.2.3.4: wrong password", None),
    ("another program quotes ours", "Nov 20 09:56:12 mail logger[1]: virtual-pop3d[123]: refused login of a from 1.2.3.4: wrong password", None),
]


def sample(name):
    with open(os.path.join(TOP, "samples", name), encoding="utf-8") as f:
        return f.read()


def banned(log, *more):
    """Whom fail2ban-regex finds in a log by our filter, each time."""
    r = run(["/usr/bin/fail2ban-regex", *more, "-o", "ip", log, FILTER])
    return re.findall(r"^[0-9a-f.:]+$", r.stdout.decode(), re.M)


def fail2ban_lines():
    top = folder()
    for title, line, who in LINES:
        log = write(os.path.join(top, "log"), line + "\n")
        equal(f"fail2ban: {title}: {who or 'nobody'}", banned(log), [who] if who else [])
    everything = "".join(line + "\n" for _, line, _ in LINES)
    equal("fail2ban: all lines in one log", banned(write(os.path.join(top, "log"), everything)), [who for _, _, who in LINES if who])


def fail2ban_jail():
    """Debian's configuration with our two files: what the server would be told. (It is not started.)"""
    etc = os.path.join(folder(), "fail2ban")
    shutil.copytree("/etc/fail2ban", etc, symlinks=True)
    write(os.path.join(etc, "jail.d", "defaults-debian.conf"), "")
    for part in ("filter.d", "jail.d"):
        shutil.copy(os.path.join(TOP, "samples", "fail2ban", part, "virtual-pop3d.conf"), os.path.join(etc, part))
    r = run(["/usr/bin/fail2ban-client", "-c", etc, "-d"])
    said = r.stdout.decode()
    check("fail2ban takes the jail", r.returncode == 0 and "['add', 'virtual-pop3d', 'systemd']" in said, r)
    contains("it reads what root wrote under our name", said, "'addjournalmatch', 'SYSLOG_IDENTIFIER=virtual-pop3d', '_UID=0'")
    contains("by one expression", said, "'addfailregex', '^\\\\s*(?:\\\\S+ )?virtual-pop3d")
    contains("it shuts both ports", said, "pop3,pop3s")


# --- with the server ---

class Place(House):
    """One domain with one user, who has two messages."""

    def __init__(self, log=None):
        super().__init__(collect_log=log is None)
        self.owner = self.account("s")
        self.domain("kvt.dk", self.owner, {"abc": "."}, hashes={"abc": md5_hash("secret")})
        self.write_settings(system_users="no", **({"log_socket": log} if log else {}))
        self.fill()

    def fill(self):
        write(os.path.join(self.spool, "kvt.dk", "abc"), mbox(2, 1000), 0o600, self.owner)

    def session(self, title, port, address="127.0.0.1"):
        """A whole session: STAT, RETR, DELE and QUIT do what they should."""
        self.fill()
        with Pop3(address, port) as p:
            p.must_login("abc@kvt.dk", "secret")
            got = p.count()[0], p.retrieve(2).count(b"Subject: number 2\n"), p.ask("DELE 1")[:3], p.quit()[:3]
        left = self.mailbox("kvt.dk", "abc")
        equal(f"{title}: a session", (got, left.count(b"\nSubject: number 1\n"), left.count(b"\nSubject: number 2\n")),
              ((2, 1, b"+OK", b"+OK"), 0, 1))


# What could pass for a blank on its way to the log, and somewhere on the way be cut to a whole line.
GAPS = ["\v", "\f", "\x1f", "\x85", "\xa0", "\u2028", "\u3000", "%20", "?"]
HOSTILE = [f"{'a' * n}{gap}from{gap}1.2.3.4:{gap}wrong{gap}password" for gap in GAPS for n in (0, 170)]
HOSTILE += ["a" * n + "?from?1.2.3.4:?wrong?password" for n in (171, 172, 300)] + ["a@kvt.dk", "[1.2.3.4]", "a@1.2.3.4:"]
BLANKS = ["x from 1.2.3.4: wrong password", "a\tfrom\t1.2.3.4:\twrong password", "a" * 171 + " from 1.2.3.4: wrong password"]


def refused_by_password(server, names):
    """Try to log in by each name, all at once, each from an address of its own. Returns the addresses of those of whom a
    password was asked."""
    clients = [Pop3(*server.at, source=f"127.1.0.{n + 1}") for n in range(len(names))]
    for p, name in zip(clients, names):
        p.send(f"USER {name}\r\nPASS wrong\r\n")
    answers = [(p.address[0], p.line(), p.line()) for p in clients]
    for p in clients:
        p.close()
    return [address for address, _, answer in answers if answer.startswith(b"-ERR [AUTH]")]


def fail2ban_journal():
    """Names that want somebody else banned, through the server and the journal; and somebody who is not root."""
    j = Journal(folder())
    h = Place(log=j.socket)
    server = ours(h)
    equal("a name with blanks never comes as far as a password", refused_by_password(server, BLANKS), [])
    tried = refused_by_password(server, HOSTILE)
    server.stop()
    check("of these names many do", len(tried) > len(HOSTILE) // 2, tried)
    must(["/usr/bin/logger", "-u", j.socket, "-t", "virtual-pop3d", "refused login of a from 5.6.7.8: wrong password"],
         user=h.owner.pw_uid, group=h.owner.pw_gid, extra_groups=[])
    wait_for(lambda: j.lines("SYSLOG_IDENTIFIER=virtual-pop3d", f"_UID={h.owner.pw_uid}"))
    found = banned(f"systemd-journal[journalpath={j.path}]")
    equal("of the journal fail2ban takes each of these clients once, nobody whom a name names, and nobody for an ordinary user's line",
          sorted(found), sorted(tried))
    j.stop()


def inetd():
    lines = [l.split(None, 6) for l in sample("inetd.conf").splitlines() if l and not l.startswith("#")]
    equal("inetd.conf: IPv4 and IPv6, no waiting, root, and our program by its name", [(f[:3], f[4:6], f[6].split()[0]) for f in lines],
          [(["pop3", "stream", p], ["root", "/usr/local/sbin/virtual-pop3d"], "virtual-pop3d") for p in ("tcp", "tcp6")])
    check("inetd.conf: more starts in a minute than inetd's own 256", all(re.fullmatch(r"nowait\.[1-9]\d{3}", f[3]) for f in lines), lines)
    h = Place()
    h.session("inetd.conf", Inetd("inetd", ours_argv(h, *lines[0][6].split()[1:]), h.path("inetd.log")).port)


def xinetd():
    h, port = Place(), free_port()
    text = sample("xinetd.d/virtual-pop3d")
    argv = ours_argv(h, *re.search(r"server_args\s*= (.*)", text)[1].split())
    text = re.sub(r"(?m)^(\s+server\s*)=.*", f"\\1= {argv[0]}", text)
    text = re.sub(r"(?m)^(\s+server_args\s*)=.*", f"\\1= {' '.join(argv[1:])}", text)
    text = text.replace("\n{\n", f"\n{{\n\ttype = UNLISTED\n\tport = {port}\n", 1)
    conf = write(h.path("xinetd.conf"), text)
    log = h.path("xinetd.log")
    server = Server("xinetd", ["/usr/sbin/xinetd", "-dontfork", "-f", conf, "-filelog", log, "-pidfile", h.path("xinetd.pid")],
                    port, h.path("xinetd.out"))
    equal("xinetd has nothing to complain of", re.findall(r"ERROR.*|WARNING.*", read(log).decode()), [])
    h.session("xinetd, IPv4", port)
    h.session("xinetd, IPv6", port, "::1")
    server.stop()


def units():
    h, port = Place(), free_port()
    service, sockets = sample("virtual-pop3d.service"), sample("virtual-pop3d.socket")
    equal("systemd finds nothing in the units", verify(h.path("units"), {
        "virtual-pop3d.service": service.replace("/usr/local/sbin", h.bin), "virtual-pop3d.socket": sockets}), (0, b""))
    conf = dict(settings_of(sample("virtual.conf").replace("#pop3_listen = ", "pop3_listen=")))
    equal("the socket unit listens where virtual.conf does by default", [v for k, v in settings_of(sockets) if k == "ListenStream"],
          conf["pop3_listen"].split(","))
    caps = dict(settings_of(service))["CapabilityBoundingSet"]
    equal("the service has three capabilities", caps, "CAP_KILL CAP_SETGID CAP_SETUID")
    run_units(h, port, service, sockets)


def status_field(pid, name):
    m = re.search(rf"^{name}:\s+(.*)$", read(f"/proc/{pid}/status").decode(), re.M)
    return m[1] if m else None


def run_units(h, port, service, sockets):
    """By a systemd of our own: the folders of this house in the place of the host's, nothing else changed."""
    h.write_settings(pop3_listen=f"127.0.0.1:{port}, [::1]:{port}", run_directory="/run/virtual")
    places = {"/home": h.path("home"), "/var/lib/virtual": h.path("state"), "/var/mail": "/nonexistent", "/var/spool/virtual": h.spool}
    paths = dict(settings_of(service))["ReadWritePaths"].split()
    equal("the service writes where mailboxes are, and its state", sorted(paths), sorted("-" + p for p in places))
    service = re.sub(r"(?m)^ReadWritePaths=.*", "ReadWritePaths=" + " ".join("-" + places[p[1:]] for p in paths), service)
    service = service.replace("ExecStart=/usr/local/sbin/virtual-pop3d", "ExecStart=" + " ".join(ours_argv(h)))
    service = service.replace("PrivateTmp=yes\n", "")  # the house is in /tmp
    sockets = sockets.replace("0.0.0.0:110", f"127.0.0.1:{port}").replace("[::]:110", f"[::1]:{port}")
    s = Systemd(h.path("systemd"), {"virtual-pop3d.service": service, "virtual-pop3d.socket": sockets})
    s.must("start", "virtual-pop3d.socket")
    equal("before the first connection only the sockets are there", s.pids("virtual-pop3d.service"), [])
    h.session("started by its socket", port)
    h.session("over IPv6", port, "::1")
    shut_in(h, s, port)
    master = min(s.pids("virtual-pop3d.service"))
    os.kill(master, 9)
    check("killed, it is started again", wait_for(lambda: any(p != master for p in s.pids("virtual-pop3d.service"))))
    h.session("then", port)
    s.must("stop", "virtual-pop3d.service", "virtual-pop3d.socket")
    equal("it stops when it is told to", (s.property("virtual-pop3d.service", "Result"), s.pids("virtual-pop3d.service")), ("success", []))
    s.stop()


def shut_in(h, s, port):
    """What the service and a session in it may do."""
    h.fill()
    with Pop3("127.0.0.1", port) as p:
        p.must_login("abc@kvt.dk", "secret")
        session, master = session_pid(port, p.address[1]), min(s.pids("virtual-pop3d.service"))
        wanted = {"CapBnd": "00000000000000e0", "NoNewPrivs": "1", "Seccomp": "2"}
        equal("the master has SETUID, SETGID and KILL, no other, and a filter", {k: status_field(master, k) for k in wanted}, wanted)
        uid, gid = h.owner.pw_uid, h.owner.pw_gid
        equal("the session is the account's, by all of its ids", [status_field(session, k).split() for k in ("Uid", "Gid")],
              [[str(uid)] * 4, [str(gid)] * 4])
        equal("it has no capability left", [status_field(session, k) for k in ("CapPrm", "CapEff", "CapInh", "CapAmb")], ["0" * 16] * 4)
        p.quit()
    inside = ["/usr/bin/nsenter", f"--target={master}", "--mount", "/usr/bin/touch"]
    paths = [os.path.join(place, f"pv-test.{os.getpid()}") for place in (h.spool, h.top, h.etc, "/usr", "/etc")]
    writable = [run([*inside, path]).returncode == 0 for path in paths]
    for path in filter(os.path.exists, paths):
        os.unlink(path)
    equal("the spool can be written to, and nothing else", writable, [True] + [False] * 4)


def main():
    fail2ban_lines()
    fail2ban_jail()
    fail2ban_journal()
    inetd()
    xinetd()
    units()
    done()


main()
