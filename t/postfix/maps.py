#!/usr/bin/python3
"""What smtpd answers while the tables change: at once, also in a session that is open, and never wrongly."""
import os
import shutil
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
import smtp  # noqa: E402
from house import House  # noqa: E402
from scratch import run, write  # noqa: E402

h = House()
a = h.account("a")
h.domain("kvt.dk", a, {"always": "", "goes": ""})
h.use_samples()
h.maps()
h.start()


def put(users):
    """Replace passwd as an editor does."""
    path = os.path.join(h.etc, "kvt.dk", "passwd")
    text = "".join(f"{u}:*:{a.pw_uid}:{a.pw_gid}:n::\n" for u in sorted(users))
    write(path + ".t", text, 0o600, a)
    os.rename(path + ".t", path)


class Session:
    """An SMTP session that asks and never sends."""

    def __init__(self):
        self.client = smtp.Dialogue(h.postfix.port, source="127.0.0.2")
        self.client.command("MAIL FROM:<s@example.org>")

    def rcpt(self, address):
        return self.client.command(f"RCPT TO:<{address}>")[:3]


# --- one session ---

s = Session()
equal("before: a user is taken, another is not", (s.rcpt("goes@kvt.dk"), s.rcpt("early@kvt.dk")), ("250", "550"))
put(["always", "new"])
h.maps()
equal("a user who came while the session was open is taken", s.rcpt("new@kvt.dk"), "250")
equal("with a tag too", s.rcpt("new+tag@kvt.dk"), "250")
equal("one who went is refused", s.rcpt("goes+now@kvt.dk"), "550")
h.domain("late.dk", a, {"x": ""})
h.maps("late.dk")
equal("a domain that came is taken, its unknown users are refused", (s.rcpt("x@late.dk"), s.rcpt("y@late.dk")),
      ("250", "550"))
shutil.rmtree(os.path.join(h.etc, "late.dk"))
h.maps()
equal("a domain that went is refused", s.rcpt("x+again@late.dk")[:1] in "45", True)
os.unlink(os.path.join(h.map_folder, "virtual.lmdb"))
put(["always", "new", "rebuilt"])
h.maps()
equal("after a table was lost and built anew, a new session sees it", Session().rcpt("rebuilt@kvt.dk"), "250")

# --- many questions beside many changes ---

answers, stop = [], threading.Event()


def ask():
    while not stop.is_set():
        session = Session()
        for _ in range(20):
            answers.append(session.rcpt("always@kvt.dk"))
        session.client.close()


askers = [threading.Thread(target=ask) for _ in range(3)]
for t in askers:
    t.start()
for i in range(40):
    put(["always"] + [f"u{j}" for j in range(i, i + 6)])
    h.maps()
    if i % 10 == 9:
        r = run(["/usr/sbin/postmap", "-c", h.postfix.config, f"lmdb:{h.map_folder}/virtual"])
        check("a postmap by hand between them is quiet", r.returncode == 0 and not r.stderr, r.stderr)
stop.set()
for t in askers:
    t.join()
check("3 clients that ask beside 40 changes never get a wrong answer", len(answers) > 100 and set(answers) == {"250"},
      f"{len(answers)} {set(answers)}")
# smtpd restarts itself for the table that was built anew: that one came by rename.
equal("Postfix has nothing to complain about",
      [x for x in h.postfix.log_lines("lmdb") if "has changed -- restarting" not in x], [])
done()
